"""Two runs on the same footage compared: metric by metric, and frame by frame."""
