"""Base classes of stages, and what a unit of work is given and gives back.

    Stage ─┬─ FootageStage ─┬─ StreamStage   sees every frame in order
           │                └─ SampleStage   asks for single frames
           └─ TableStage                     reads tables of the whole run

A stage is a subclass in ``stages/NAME/stage.py`` and one instance of it; its docstring is the help text of
its command. ``vidrobust --help`` imports these modules: heavy imports (torch, numpy, pandas, cv2) go inside
methods.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd

    from vidrobust.footage.item import Item
    from vidrobust.frame_pairs.transitions import FrameTransitions
    from vidrobust.frames.batch import FrameBatch, VideoInfo
    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import OpenRun
    from vidrobust.run_folder.settings import Settings
    from vidrobust.video.selection import Origin
    from vidrobust.video.source import VideoSource

Budgeted = Literal["frames", "pairs"]
BUDGETED: tuple[Budgeted, ...] = ("frames", "pairs")
# (input, model or "", segment) -> what that unit noted beside its tables.
Facts = Mapping[tuple[str, str, int], Mapping[str, Any]]
# The tables of a unit by name, and its facts: plain values that are not rows.
Found = tuple["dict[str, pd.DataFrame]", dict[str, Any]]
# Name of a table of a needed stage -> its rows for one segment and model, or None.
Read = Callable[[str], "pd.DataFrame | None"]
# Cuts the rows of a unit's table to those of a smaller sample.
Trim = Callable[["pd.DataFrame"], "pd.DataFrame"]


class Stage(ABC):
    """One step of a study."""

    name: ClassVar[str]  # name of its command, its entry in run.json and its folder in the cache
    # raised whenever its numbers change; its results are then computed again
    version: ClassVar[int]
    needs: ClassVar[tuple[Stage, ...]] = ()  # stages whose results it reads, which are made first
    settings: ClassVar[tuple[str, ...]] = ()  # names of the settings on which its results depend
    # Tables of the whole run and other files that it writes into the run folder.
    tables: ClassVar[tuple[str, ...]] = ()
    files: ClassVar[tuple[str, ...]] = ()
    command: ClassVar[bool] = True  # whether it has a command of its own
    on_request: ClassVar[bool] = False  # made only where it is named; a study leaves it out
    shows: ClassVar[bool] = False  # whether ``show`` is called while other stages are at work
    # What it answers, as in the answer of the run; "" where it answers nothing by itself.
    question: ClassVar[str] = ""

    # A stage travels to worker processes inside its units: what comes out there is the same stage.
    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @property
    def uses(self) -> tuple[Stage, ...]:
        """Return the stages whose results it reads if they are there."""
        return ()

    @property
    def sentence(self) -> str:
        """The docstring of its class, as the help text of its command."""
        return inspect.getdoc(type(self)) or ""

    @property
    def all_settings(self) -> tuple[str, ...]:
        return self.settings

    @property
    def all_tables(self) -> tuple[str, ...]:
        return self.tables

    def check(self, settings: Settings) -> None:  # noqa: B027 - most stages have nothing to check
        """Raise SettingsError for settings that the stage cannot use; called before any work."""

    def least(self, settings: Settings) -> Mapping[str, int]:
        """Return the least sample that it needs: of "frames", "pairs" or "neighbours" (usable pairs)."""
        return {}

    def show(self, run: OpenRun) -> Path:
        """Write what there is so far."""
        raise NotImplementedError

    def as_json(self, run: OpenRun) -> Any:
        """Return what ``--json`` prints; by default the content of metrics.json."""
        return run.folder.read_json("metrics.json")


class FootageStage(Stage):
    """A stage whose work is cut from footage into units, whose tables are joined and summarised."""

    per: ClassVar[Literal["item", "model"]]  # the unit of work: an input, or an input and a model
    # Tables made unit by unit and kept in the cache. A unit is done when the first one is there.
    unit_tables: ClassVar[tuple[str, ...]]
    tasks: ClassVar[tuple[str, ...]] = ()  # tasks of the models that have a unit; empty: all
    # Settings on which only ``tables`` depend, not the units.
    summary_settings: ClassVar[tuple[str, ...]] = ()

    @property
    def all_settings(self) -> tuple[str, ...]:
        return (*self.settings, *self.summary_settings)

    @property
    def all_tables(self) -> tuple[str, ...]:
        return (*self.unit_tables, *self.tables)

    def extra_key(self, settings: Settings, model: Model | None) -> Any:
        """Return plain values on which units depend besides settings and model."""
        return None

    def summarise(self, run: OpenRun, facts: Facts) -> None:
        """Write ``tables`` and ``files`` from the joined unit tables and facts."""


class StreamStage(FootageStage):
    """A stage whose units are fed with every frame in order."""

    # Whether some rows depend on the whole input: ``whole_item`` then joins the segments of long inputs.
    spans_segments: ClassVar[bool] = False

    @abstractmethod
    def work(self, context: Context, model: Model | None) -> StreamWork:
        """Begin a unit. The model is None where ``per`` is "item"."""

    def whole_item(
        self,
        settings: Settings,
        model: Model,
        about: Mapping[str, Any],
        rows: Mapping[str, pd.DataFrame],
        transitions: pd.DataFrame,
    ) -> dict[str, pd.DataFrame]:
        """Return the unit tables of an input worked on in segments.

        ``about`` is its entry in run.json, ``rows`` its unit tables of all segments, ``transitions`` its
        rows of that table.
        """
        raise NotImplementedError


class SampleStage(FootageStage):
    """A stage whose units work on a sample of frames or pairs, for all models at once."""

    # What the sample consists of; the setting of that name says how many there are in the whole run.
    budgeted: ClassVar[Budgeted]
    step: ClassVar[str]  # what one step of its progress is called
    # Whether the sample is enlarged, look by look, while ``undecided``; ``conclude`` then replaces
    # ``summarise``.
    grows: ClassVar[bool] = False

    @abstractmethod
    def work(self, context: Context, source: VideoSource, models: list[Model]) -> dict[str, Found]:
        """Do the unit of one segment; return tables and facts by the name of the model."""

    @abstractmethod
    def frames_needed(self, context: Context) -> Sequence[int]:
        """Return the frames that ``work`` will ask for, to decode them once."""

    @abstractmethod
    def trim(self, read: Read, content: str, settings: Settings, count: int) -> Trim:
        """Return what cuts a unit table to its first ``count`` frames or pairs."""

    @abstractmethod
    def steps(self, settings: Settings) -> float:
        """Return how many steps one frame or pair takes."""

    def at_once(self, info: VideoInfo, models: Sequence[Model]) -> int:
        """Return how many steps are under way at once: one is made ready while the models look at another."""
        return 2

    def conclude(self, run: OpenRun, looks: Sequence[Look]) -> None:
        """Write ``tables`` from the sample at each earlier look and now."""
        raise NotImplementedError

    def undecided(self, run: OpenRun) -> bool:
        """Return whether a larger sample might still decide something."""
        return False


class TableStage(Stage):
    """A stage that reads tables of the whole run."""

    @abstractmethod
    def make(self, run: OpenRun) -> None:
        """Compute the stage's tables from those of the run and write them."""

    def reads(self, settings: Settings) -> Any:
        """Return the state, as plain values, of what it reads outside of the run folder."""
        return None


@dataclass(frozen=True, kw_only=True)
class Look:
    """A sample as large as it was when it was looked at."""

    part: float  # its size as a share of the largest that was asked for
    tables: Mapping[str, pd.DataFrame]  # the unit tables of the stage, joined


@dataclass(frozen=True, kw_only=True)
class Context:
    """One segment of an input, open for a unit's work."""

    item: Item
    # Key of the segment's content. Everything random about it is seeded with this key and the seed.
    content: str
    settings: Settings
    info: VideoInfo
    # its table ``transitions``; None while that table is being made
    transitions: pd.DataFrame | None
    advance: Callable[[int], None]  # called with the number of steps just done
    # Which segment of its input this is, from 0, and how many there are.
    number: int = 0
    pieces: int = 1
    # The input's first delivered frame; None where the input is one segment.
    origin: Origin | None = None
    # Of a sample: how many frames or pairs fall to this segment, and how many of them were done before.
    count: int = 0
    have: int = 0
    models: Sequence[str] = ()  # of a sample: names of the models that have units here
    # (model, table) -> a unit table of a stage that this one needs; None where it was not made.
    read: Callable[[str, str], pd.DataFrame | None] = lambda model, table: None

    def own(self, time_s: np.ndarray) -> np.ndarray:
        """Return (N,) bool, which frames belong to this segment."""
        import numpy as np

        start, end = (None, None) if self.pieces == 1 else (self.item.start_s, self.item.end_s)
        after = np.full(len(time_s), True) if start is None else time_s >= start
        return after if end is None else after & (time_s < end)

    def own_part(
        self, batch: FrameBatch, transitions: FrameTransitions
    ) -> tuple[FrameBatch, FrameTransitions]:
        """Return the part of a batch that belongs to this segment."""
        rows = self.own(batch.time_s)
        return (batch, transitions) if rows.all() else (batch.rows(rows), transitions.rows(rows))

    def need_transitions(self) -> pd.DataFrame:
        assert self.transitions is not None, (
            "a stage that reads transitions names them in its needs"
        )
        return self.transitions


class StreamWork(Protocol):
    """A unit of work that sees every frame in order."""

    def feed(self, batch: FrameBatch, transitions: FrameTransitions) -> None: ...

    def finish(self, source: VideoSource) -> Found: ...


@dataclass(frozen=True)
class Stages:
    """The stages of a study, in order."""

    stages: tuple[Stage, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)

    @property
    def studied(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages if not stage.on_request)

    @property
    def footage(self) -> tuple[FootageStage, ...]:
        return tuple(stage for stage in self.stages if isinstance(stage, FootageStage))

    def named(self, name: str) -> Stage:
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise KeyError(f"no stage {name!r}; there are {', '.join(self.names)}")

    def with_needs(self, names: Iterable[str], made: Iterable[str] = ()) -> tuple[Stage, ...]:
        """Return these stages and all they need, in order, with the ``made`` stages they use."""
        names, made = set(names), set(made)
        wanted: set[str] = set()
        open_ = [self.named(name) for name in names]
        while open_:
            stage = open_.pop()
            wanted.add(stage.name)
            more = (*stage.needs, *(other for other in stage.uses if other.name in made))
            open_ += [other for other in more if other.name not in wanted]
        return tuple(stage for stage in self.stages if stage.name in wanted)


def described_by(stage: FootageStage) -> StreamStage:
    """Return the stage, maybe this one, that writes the transitions a unit of it reads."""
    if isinstance(stage, StreamStage) and stage.unit_tables[0] == "transitions":
        return stage
    for needed in stage.needs:
        if isinstance(needed, FootageStage):
            return described_by(needed)
    raise TypeError(f"stage {stage.name}: needs no stage that describes its inputs")
