"""What is made of finished runs: comparison, history, gates, repeatability, passes, a published matrix."""
