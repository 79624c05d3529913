"""Detectors: thresholds, tracks over time, and pictures of their worst moments."""
