"""Repeatability, comparison, gates and control charts, from tables without video."""
