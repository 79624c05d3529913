"""The published suites: ImageNet-C and its relatives, ImageNet-P."""
