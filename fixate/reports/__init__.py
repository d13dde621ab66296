"""Tables, figures and the report page, from records alone."""
