"""What there is to analyse: items from sources and manifests, and their labels."""
