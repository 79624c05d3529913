"""Repeatability, of runs and of tables without video."""
