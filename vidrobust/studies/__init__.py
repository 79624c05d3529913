"""Stability, sensitivity, variation, causes, correlation, policy."""
