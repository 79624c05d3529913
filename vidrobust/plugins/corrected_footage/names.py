"""What the stage is called, and on what its answers depend."""

from __future__ import annotations

from vidrobust.stages.transitions.stage import FOOTAGE

NAME, VERSION, FILE = "replays", 4, "replays.json"
BOXES = ("only", "ignore", "entry_line")  # settings that say which boxes are looked at
SETTINGS = (*FOOTAGE, *BOXES, "seed", "labels", "label_offset", "class_map")
CONTROL = "resampled"  # no remedy: what shifting alone does
# what is bought once and costs no time per frame
FREE = ("steady-camera", "level-light", "no-flicker")
SHARED = (*FREE, "less-noise")  # corrections of the footage, the same for every model
