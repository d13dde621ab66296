"""The public face: a person and a screenshot in, attention and clicks out."""
