"""A first answer in a minute: stability, the worst moment, and what alone changes the answer to one picture."""
