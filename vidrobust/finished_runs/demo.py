"""The demo's clip: a line of bottles, which comes with the package."""

from __future__ import annotations

from pathlib import Path

CLIP = Path(__file__).parent / "demo_clip" / "bottles.mp4"
"""403 frames of 640 x 360 px, 29.8 a second; whose it is stands in ``demo_clip/CREDITS.md`` beside it."""
MODEL = "efficientnet-lite0"
OUT = "reports/demo"
