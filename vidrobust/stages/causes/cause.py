"""What a cause of the account is: all that is known of one, in one record.

    REPLAY      how it is switched on in a picture
    Levels      each pixel's levels change where it is            light, colour
    Shift       pixels move; all shifts are added up and sampled once   camera, objects
    Filter      the picture is filtered, once levels and places are right   sharpness
    Content     what t+1 shows is put in, last of all             what came into view

Records import what needs torch where it is called, so that a page of the report has their words without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

if TYPE_CHECKING:
    from vidrobust.stages.causes.measured import Change


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of one change of a pair.

    size      one number, in ``unit``
    measured  in words
    more      further numbers, by the names of ``Cause.columns``
    """

    size: float
    unit: str
    measured: str
    more: Mapping[str, float] = field(default_factory=dict)


UNEVEN = ("first", "second")
"""Two draws of the same change under a smooth field drawn at random, or of a random motion."""


@dataclass(frozen=True, kw_only=True)
class Levels:
    """A change of levels, each pixel where it is.

    play  (change, levels (H, W, 3) float32 or (n, 3) at the pixels of ``where`` (H, W) bool) -> levels as at t+1
    undo  the way back: levels (n, 3) of t+1 at the pixels of ``where`` as they would be at t

    Its placebo is the same change times a smooth field drawn at random, stronger here and reversed there.
    """

    play: Callable[[Change, np.ndarray, np.ndarray | None], np.ndarray]
    undo: Callable[[Change, np.ndarray, np.ndarray], np.ndarray]
    placebos: ClassVar[tuple[str, ...]] = UNEVEN


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A motion of pixels.

    field          (change) -> (H, W, 2) px, on the grid of t+1 and back to t
    beyond_camera  it is what moves by itself, measured beyond the camera's motion

    Its placebo is another smooth field of that size, drawn at random.
    """

    field: Callable[[Change], np.ndarray]
    beyond_camera: bool
    placebos: ClassVar[tuple[str, ...]] = UNEVEN


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Of the whole picture: (change, levels (H, W, 3) float32) -> levels. Placebo as of ``Levels``."""

    play: Callable[[Change, np.ndarray], np.ndarray]
    placebos: ClassVar[tuple[str, ...]] = UNEVEN


@dataclass(frozen=True, kw_only=True)
class Content:
    """Pixels of t+1 that t does not show: (change) -> (H, W) bool. Its placebo puts them elsewhere."""

    where: Callable[[Change], np.ndarray]
    placebos: ClassVar[tuple[str, ...]] = ("across", "down")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A cause's own step of the chain, to which perturbations are fitted.

    before, after  (H, W, 3) uint8
    size           as measured from t to t+1; backwards: the chain leads from t+1 to t
    """

    before: np.ndarray
    after: np.ndarray
    size: Size
    backwards: bool


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A perturbation fitted to a step: its signed strength in the catalogue's unit, (H, W, 3) uint8 the picture
    with it in place of the cause, and (2, 3) how that was moved, or None."""

    strength: float
    picture: np.ndarray
    matrix: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause of the account.

    name      as tables have it
    title     as a sentence has it
    colour    of its piece of the bar
    replay    how it is switched on; None of what is found otherwise (keyframes, noise, what is left)
    occurs    (change) -> there is any between t and t+1
    measure   (t brought onto t+1 by all else, t+1), (H, W, 3) float32 -> what ``change.own[name]`` then is, None
              where there is none; only of a cause that ``measured.py`` does not measure
    size      (change, (H, W, 3) uint8 the frame the chain begins with, whether it is played backwards) -> its
              size from t to t+1
    columns   names that ``Size.more`` may have, each a declared column of the table ``causes``
    fit       (perturbation, step) -> the perturbation fitted to it, None where it cannot be; which ones are tried
              stands in their own records (``Perturbation.stands_for``)
    chosen    which of them stand for it: the one that does "most" of it, each that does a "part", or those of
              the same "grain"
    seen_in   what says how strong a perturbation that stands for it gets in training: the spread of the
              "footage", or the "pairs" it was fitted to
    drifts    it is slow: what neighbours hardly show may be named from pairs a second apart
    moves     it is a motion
    hint      what can be done about it at the station
    advice    what is said of it where no augmentation stands for it; "" where nothing more is
    several   the title is a plural: "noise and coding explain"
    """

    name: str
    title: str
    colour: str
    replay: Levels | Shift | Filter | Content | None = None
    occurs: Callable[[Change], bool] | None = None
    measure: Callable[[np.ndarray, np.ndarray], Any] | None = None
    size: Callable[[Change, np.ndarray, bool], Size] | None = None
    columns: tuple[str, ...] = ()
    fit: Callable[[str, Step], Fitted | None] | None = None
    chosen: Literal["most", "part", "grain"] = "most"
    seen_in: Literal["footage", "pairs"] = "footage"
    drifts: bool = False
    moves: bool = False
    hint: str = ""
    advice: str = ""
    several: bool = False

    def which(self, does: str) -> str:
        """How a sentence on it begins: of "explain" "light explains", "noise and coding explain"."""
        return f"{self.title} {does}{'' if self.several else 's'}"

    def __post_init__(self) -> None:
        if self.replay is not None and (self.occurs is None or self.size is None):
            raise ValueError(f"cause {self.name}: a cause that is replayed needs occurs and size")
