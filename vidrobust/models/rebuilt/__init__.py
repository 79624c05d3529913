"""Networks changed without training: blurred before sampling, or normalised by the footage."""
