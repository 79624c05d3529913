"""What the stage is called, and on what its answers depend."""

from __future__ import annotations

from vidrobust.stages.transitions.stage import FOOTAGE

NAME, VERSION, FILE = "replays", 1, "replays.json"
BOXES = ("only", "ignore", "entry_line")
"""Settings that say which boxes are looked at."""
SETTINGS = (*FOOTAGE, *BOXES, "seed", "labels", "label_offset", "class_map")
CONTROL, LOOK = "resampled", "one-look"
"""Arms that are no remedies: what shifting alone does, and the answer to one changed copy."""
FREE = ("steady-camera", "level-light", "no-flicker")
"""What is bought once and costs no time per frame."""
SHARED = (*FREE, "less-noise")
"""Replays of the footage, the same for every model."""
RESIZES = ("another-resize-area", "another-resize-plain")
BLUR, STATISTICS = NETWORKS = ("blur-pool", "batch-norm")
"""Networks that are changed without training."""
