"""A path becomes a stream of FrameBatch."""
