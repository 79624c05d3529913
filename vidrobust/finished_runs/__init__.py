"""What is made of finished runs: gates, exports, comparisons."""
