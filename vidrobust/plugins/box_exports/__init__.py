"""Boxes and tracks of detectors as a drawn clip, as MOTChallenge files and as COCO."""
