"""Published protocols by their own rules, on tables and folders of images."""
