"""How far apart two aligned predictions, or two frames, are."""
