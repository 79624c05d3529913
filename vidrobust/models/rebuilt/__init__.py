"""Networks that are changed without training: blurred before they sample, normalised by the footage."""
