"""Grids, batches and the benchmark."""
