"""A study on disk: its tables, splits, labels, errors, files and cache."""
