"""A policy as files that training code loads: policy.json and torchvision; plugins add others."""
