"""Detectors in fine-tuning: targets that are boxes, torchvision's own loss, and what judges."""
