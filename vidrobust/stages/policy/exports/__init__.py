"""A policy written as files that training code loads: torchvision, Albumentations, Kornia, timm, Ultralytics."""

from vidrobust.stages.policy.exports.write import render_all, write_all

__all__ = ["render_all", "write_all"]
