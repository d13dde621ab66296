"""Recordings of people whose habits are known, in the formats of the real ones."""
