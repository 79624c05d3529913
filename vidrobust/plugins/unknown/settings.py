"""Settings of the outlier stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vidrobust.errors import SettingsError
from vidrobust.run_folder.declared import option


@dataclass(frozen=True, kw_only=True)
class UnknownSettings:
    """What the models were trained for, and how the footage is compared with it."""

    title: ClassVar[str] = "Training domain"

    known: tuple[str, ...] = option((), metavar="REF", path=True, usual=True, without="none")
    """Reference footage of the training domain, or runs on it. Enables the outlier stage."""
    false_alarms: float = option(0.05, metavar="SHARE")
    """Share of known frames that may be called unknown, 0 to 1."""
    scored_frames: int = option(500, metavar="N")
    """Frames of the footage, and of the known footage, that are compared at most."""

    def __post_init__(self) -> None:
        if not 0 < self.false_alarms < 1:
            raise SettingsError(f"false_alarms: expected a share between 0 and 1, got {self.false_alarms:g}")
        if self.scored_frames < 1:
            raise SettingsError(f"scored_frames: expected a whole number from 1, got {self.scored_frames}")
