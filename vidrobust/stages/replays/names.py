"""What the stage is called, and on what its answers depend."""

from __future__ import annotations

from vidrobust.stages.transitions.stage import FOOTAGE

NAME, VERSION, FILE = "replays", 3, "replays.json"
BOXES = ("only", "ignore", "entry_line")  # settings that say which boxes are looked at
SETTINGS = (*FOOTAGE, *BOXES, "seed", "labels", "label_offset", "class_map")
# Arms that are no remedies: what shifting alone does, and the answer to one changed copy.
CONTROL, LOOK = "resampled", "one-look"
# what is bought once and costs no time per frame
FREE = ("steady-camera", "level-light", "no-flicker")
# What is done to every picture; the number is sigma in px at 360 lines, the side in px, or frames.
SOFTENED = ("blur-0.5", "blur-1", "blur-1.5", "median-filter-3", "median-filter-5", "still-mean-5")
SHARED = (*FREE, "less-noise", *SOFTENED)  # replays of the footage, the same for every model
RESIZES = ("another-resize-area", "another-resize-plain")
