"""Why the output changed: measured changes replayed, and the change shared out among them."""
