"""What is measured of a model: tasks, their metrics, and the differences that metrics are made of."""
