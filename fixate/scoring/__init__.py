"""Metrics, statistics, calibration and reliability of slot maps."""
