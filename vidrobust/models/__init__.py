"""A spec becomes a Classifier or Detector."""
