"""Policies as files of Albumentations, Kornia, timm and Ultralytics."""
