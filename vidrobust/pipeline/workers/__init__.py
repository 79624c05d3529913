"""Processes that do the units of a run."""
