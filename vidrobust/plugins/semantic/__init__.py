"""Semantic segmentation: how steady maps of classes are along video."""
