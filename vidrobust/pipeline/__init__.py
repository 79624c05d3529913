"""The engine. It runs the stages that it is given and imports none of them."""
