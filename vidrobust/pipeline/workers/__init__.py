"""Processes that do the units of a run, here or on a cluster."""
