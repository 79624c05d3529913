"""Detectors: from frames to boxes in pixels of the frame."""
