"""Why a pair of frames could not be replayed: the codes that the table ``causes`` holds, and their words."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import pandas as pd

from vidrobust.frame_pairs.transitions import MIN_SIDE, Unregistered
from vidrobust.text.phrases import plural

PAIR = ["item", "frame_a", "frame_b"]


class NoThirdFrame(StrEnum):
    """Why there is no frame beside the pair on which its changes could be played."""

    MISSING = "no_third_frame"  # the pair lies at the end of a clip, or between two cuts


# A reason; the table has its value, and "" where the pair was replayed.
Excluded = Unregistered | NoThirdFrame

# Reasons that have nothing to do with what happens between the frames: such pairs are left out of the
# account. The change of the others stays in the sum, and is unexplained.
LEFT_OUT = (NoThirdFrame.MISSING,)

WORDS: Mapping[Excluded, str] = {
    Unregistered.SMALL_FRAME: f"frames smaller than {MIN_SIDE} px",
    Unregistered.NO_TEXTURE: "no texture",
    Unregistered.OTHER_SCENE: "not the same scene",
    Unregistered.MUCH_IS_NEW: "too much is new",
    Unregistered.NO_COMMON_MOTION: "no common motion",
    NoThirdFrame.MISSING: "no third frame beside them",
}


def excluded_pairs(causes: pd.DataFrame) -> pd.Series:
    """Count the pairs of each reason, by its code, in rows of the table ``causes``."""
    codes = causes.drop_duplicates(["model", *PAIR])["excluded"]
    return codes[codes != ""].value_counts()


def in_words(causes: pd.DataFrame) -> str:
    """Write the reasons as "2 pairs: not the same scene; 1 pair: no texture"; "" where all were replayed."""
    words = {str(reason): text for reason, text in WORDS.items()}
    counts = excluded_pairs(causes).items()
    return "; ".join(f"{plural(int(number), 'pair')}: {words[str(code)]}" for code, number in counts)
