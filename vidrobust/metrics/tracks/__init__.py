"""Boxes followed along time, to measure how steadily a detector finds the same object: no smoothing, gaps stay."""
