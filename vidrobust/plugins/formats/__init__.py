"""Files of labels and recorded boxes of other programs, one family a file."""
