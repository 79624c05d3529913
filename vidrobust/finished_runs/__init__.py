"""What is made of finished runs: comparison, history, exports, watching a folder."""
