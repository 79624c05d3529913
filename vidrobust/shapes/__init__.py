"""Outlines of objects inside their boxes: masks and turned boxes, compared where they lie."""
