"""Every method on pages nobody trained on, written down as a record."""
