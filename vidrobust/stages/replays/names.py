"""What the stage is called, and on what its answers depend."""

from __future__ import annotations

from vidrobust.stages.transitions.stage import FOOTAGE

NAME, VERSION, FILE = "replays", 1, "replays.json"
BOXES = ("only", "ignore", "entry_line")
"""Settings that say which boxes are looked at."""
SETTINGS = (*FOOTAGE, *BOXES, "seed", "labels", "label_offset", "class_map")
