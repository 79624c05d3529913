"""Published protocols: what the papers measure, on tables and on folders of images, by their own rules."""
