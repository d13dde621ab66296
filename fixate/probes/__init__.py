"""What mattered to an answer of the model, slot by slot."""
