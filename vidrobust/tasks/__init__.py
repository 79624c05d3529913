"""What a model does (a Task), and the numbers that are told about it (a Metric each)."""
