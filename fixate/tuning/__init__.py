"""Losses, settings and the training of personal prompts."""
