"""The published suites: ImageNet-C, ImageNet-P, one-pixel shifts."""
