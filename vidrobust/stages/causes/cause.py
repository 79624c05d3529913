"""One cause of the account, in one record; records import torch only where they are called.

``LevelReplay`` changes levels where a pixel is, ``Shift`` moves pixels, ``Filter`` changes the whole picture
once levels and places are right, ``Content`` puts in what t+1 shows, last of all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

if TYPE_CHECKING:
    from vidrobust.frame_pairs.change import PairChange


@dataclass(frozen=True, kw_only=True)
class Size:
    size: float  # One number, in ``unit``
    # unit, measured: ``measured`` is the size in words
    unit: str
    measured: str
    # Further numbers, by the names of ``Cause.columns``
    more: Mapping[str, float] = field(default_factory=dict)


# Two draws of the same change under a smooth random field, or of a random motion.
UNEVEN = ("first", "second")


@dataclass(frozen=True, kw_only=True)
class LevelReplay:
    """A change of levels, each pixel where it is; its placebo is that times a smooth random field."""

    # (change, levels, where) -> levels as at t+1. Levels are (H, W, 3) float32, or (n, 3) at the pixels of
    # ``where`` (H, W) bool
    play: Callable[[PairChange, np.ndarray, np.ndarray | None], np.ndarray]
    # (change, levels (n, 3) of t+1 at the pixels of ``where``, where) -> levels as they would be at t
    undo: Callable[[PairChange, np.ndarray, np.ndarray], np.ndarray]
    placebos: ClassVar[tuple[str, ...]] = UNEVEN


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A motion of pixels. Its placebo is another smooth random field of that size."""

    # (change) -> (H, W, 2) px, on the grid of t+1 and back to t
    field: Callable[[PairChange], np.ndarray]
    beyond_camera: bool  # It is what moves by itself, measured beyond the camera's motion
    placebos: ClassVar[tuple[str, ...]] = UNEVEN


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A filter: (change, levels (H, W, 3) float32) -> levels. Placebo as of ``LevelReplay``."""

    play: Callable[[PairChange, np.ndarray], np.ndarray]
    placebos: ClassVar[tuple[str, ...]] = UNEVEN


@dataclass(frozen=True, kw_only=True)
class Content:
    """Pixels of t+1 that t does not show, (H, W) bool. Its placebo puts them elsewhere."""

    where: Callable[[PairChange], np.ndarray]
    placebos: ClassVar[tuple[str, ...]] = ("across", "down")


@dataclass(frozen=True, kw_only=True)
class CauseStep:
    # before, after: (H, W, 3) uint8
    before: np.ndarray
    after: np.ndarray
    size: Size  # As measured from t to t+1
    backwards: bool  # The chain leads from t+1 to t


@dataclass(frozen=True, kw_only=True)
class FittedPerturbation:
    strength: float  # Signed, in the catalogue's unit
    # (H, W, 3) uint8: The picture before the step, with the perturbation in place of the cause
    picture: np.ndarray
    matrix: np.ndarray | None = None  # (2, 3) float64: How it was moved


@dataclass(frozen=True, kw_only=True)
class AccountEntry:
    """A group of the coarse account, whose shares add up to 1, or a cause: as tables and sentences name it."""

    name: str
    title: str
    several: bool = False  # The title is a plural: "noise and coding explain"

    def which(self, does: str) -> str:
        """Begin a sentence about it: of "account" "light accounts", or "keyframes account"."""
        return f"{self.title} {does}{'' if self.several else 's'}"


@dataclass(frozen=True, kw_only=True)
class Cause(AccountEntry):
    """One cause of the account."""

    group: str  # Name of the group of the coarse account that it belongs to
    # How it is switched on; None for what is found otherwise (keyframes, noise, what is left)
    replay: LevelReplay | Shift | Filter | Content | None = None
    # (change) -> whether there is any between t and t+1
    occurs: Callable[[PairChange], bool] | None = None
    # (t brought onto t+1 by all else, t+1), both (H, W, 3) float32 -> what ``change.own[name]`` then is, or
    # None; only of a cause that ``frame_pairs.change`` does not measure
    measure: Callable[[np.ndarray, np.ndarray], Any] | None = None
    # (change, first frame of the chain (H, W, 3) uint8, whether it is played backwards) -> its size from t to
    # t+1
    size: Callable[[PairChange, np.ndarray, bool], Size] | None = None
    # Names that ``Size.more`` may have, each a declared column of the table ``causes``
    columns: tuple[str, ...] = ()
    # (perturbation, step) -> the perturbation fitted to it, or None. Which ones are tried is declared in
    # their own records (``Perturbation.stands_for``)
    fit: Callable[[str, CauseStep], FittedPerturbation | None] | None = None
    # Which of them stand for it: the one that does most of it, each that does a part, or those of the same
    # grain
    chosen: Literal["most", "part", "grain"] = "most"
    # What says how strong such a perturbation is in training: the spread of the footage, or the fitted pairs
    seen_in: Literal["footage", "pairs"] = "footage"
    # It is slow: what neighbours hardly show may be named from pairs a second apart
    drifts: bool = False
    moves: bool = False  # It is a motion
    # hint, advice: What can be done about it at the station; what is said where no augmentation stands for it
    hint: str = ""
    advice: str = ""

    def __post_init__(self) -> None:
        if self.replay is not None and (self.occurs is None or self.size is None):
            raise ValueError(f"cause {self.name}: a cause that is replayed needs occurs and size")
