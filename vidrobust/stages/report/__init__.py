"""A run folder becomes report.html and the answer on the console."""
