"""Why the output changed: replays of measured changes, and the account of causes."""
