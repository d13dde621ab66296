"""Rivals, oracles and ceilings that every method is compared with."""
