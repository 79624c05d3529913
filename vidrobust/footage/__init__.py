"""Items from sources and manifests, and their labels."""
