"""What is made of finished runs: comparison, gates, exports."""
