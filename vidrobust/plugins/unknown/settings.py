"""Settings of the outlier stage, and what scores and events are called in words; no torch here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vidrobust.errors import SettingsError
from vidrobust.run_folder.declared import option


@dataclass(frozen=True, kw_only=True)
class UnknownSettings:
    """What the models were trained for, and how the footage is compared with it."""

    title: ClassVar[str] = "Training domain"

    known: tuple[str, ...] = option(
        (),
        "Reference footage of the training domain, or runs on it. Enables the outlier stage.",
        "REF",
        path=True,
        usual=True,
        without="none",
    )
    false_alarms: float = option(
        0.05, "Share of known frames that may be called unknown, 0 to 1.", "SHARE"
    )
    scored_frames: int = option(
        500,
        "Frames of the footage, and of the known footage, that are compared at most.",
        metavar="N",
    )

    def __post_init__(self) -> None:
        if not 0 < self.false_alarms < 1:
            raise SettingsError(
                f"false_alarms: expected a share between 0 and 1, got {self.false_alarms:g}"
            )
        if self.scored_frames < 1:
            raise SettingsError(
                f"scored_frames: expected a whole number from 1, got {self.scored_frames}"
            )


FLIP, ERROR = "flip", "error"
# What happens at a frame.
EVENTS = {FLIP: "changes its answer", ERROR: "is answered wrongly"}
NEIGHBOURS, ENERGY, SURE, ROTATION = "neighbours", "energy", "max_softmax", "rotation"
# In the order in which one is taken to speak for all: the first that can be had. It is fixed before any
# footage is looked at, so that no score is chosen by its result.
TITLES = {
    NEIGHBOURS: "distance to the nearest known frames",
    ENERGY: "energy",
    SURE: "largest probability",
    ROTATION: "which way up",
}
SOURCES = {
    NEIGHBOURS: "Sun et al. 2022",
    ENERGY: "Liu et al. 2020",
    SURE: "Hendrycks & Gimpel 2017",
    ROTATION: "Golan & El-Yaniv 2018, Hendrycks et al. 2019",
}
