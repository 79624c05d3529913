"""How a pair and a finding fared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

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
# code of a flip without a strip: across a keyframe the whole picture is coded anew
KEYFRAME = "keyframe"


def excluded_pairs(causes: pd.DataFrame) -> pd.Series:
    """Count the pairs of each reason, by its code."""
    codes = causes.drop_duplicates(["model", *PAIR])["excluded"]
    return codes[codes != ""].value_counts()


def in_words(causes: pd.DataFrame) -> str:
    """Write the reasons as "2 pairs: not the same scene; 1 pair: no texture"; "" where all were replayed."""
    words = {str(reason): text for reason, text in WORDS.items()}
    counts = excluded_pairs(causes).items()
    return "; ".join(
        f"{plural(int(number), 'pair')}: {words[str(code)]}" for code, number in counts
    )


# Why a finding could not be tested, by what would have been kept aside.
UNTESTED = {
    "clips": "not tested: too few pairs of a clip show it",
    "later half of the footage": "not tested: too few pairs in half of the footage show it",
}
LEAST = 0.5  # share of the tests in which a cause must be found again for a step to follow from it


@dataclass(frozen=True, kw_only=True)
class Replication:
    """How often a finding was tested on footage that did not make it, and found; ``of`` such footage."""

    found: int = 0
    tested: int = 0
    of: str = ""

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Replication:
        tested = row.get("replication_tested", 0)
        of = str(row.get("replication_of") or "")
        if tested != tested or not tested:
            return cls(of=of)
        return cls(found=int(row["replication_found"]), tested=int(tested), of=of)

    @property
    def fails(self) -> bool:
        return self.tested > 0 and self.found < LEAST * self.tested

    @property
    def in_words(self) -> str:
        if not self.tested:
            return UNTESTED.get(self.of, "not tested")
        if self.of != "clips":
            again = "found again" if self.found else "not found again"
            return f"{again} in the {self.of}"
        return f"found again in {self.found} of {self.tested} clips"
