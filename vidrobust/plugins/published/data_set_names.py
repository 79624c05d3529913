"""Data sets that ``vidrobust data`` checks, by name. No torch here: ``--help`` lists them."""

from __future__ import annotations

from enum import StrEnum


class DataSet(StrEnum):
    """What it is called on the command line."""

    IMAGENET = "imagenet"
    IMAGENET_C = "imagenet-c"
    IMAGENET_P = "imagenet-p"
    YOUTUBE_BB = "youtube-bb"
    VID_ROBUST = "vid-robust"
    YTBB_ROBUST = "ytbb-robust"
