"""A picture with slots: drawn, opened, coloured."""
