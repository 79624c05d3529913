"""What is made of finished runs: comparison, history, gates, repeatability, passes, watching a folder."""
