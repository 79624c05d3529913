"""Files of labels and of recorded boxes as other programs write them, one family a file."""
