"""Processes, on this machine or on a cluster, that do the units of a run."""
