"""Runs over time: since when a model is less stable, and from which rate on to look."""
