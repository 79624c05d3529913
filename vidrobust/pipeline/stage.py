"""Stage: one step of a study, as typed records; what must be made, and in which order, follows from them.

    Stage ─┬─ FootageStage ─┬─ StreamStage   sees every frame in order
           │                └─ SampleStage   asks for single frames
           └─ TableStage                     reads tables, the whole run at once

A stage is one object in ``stages/NAME/stage.py``. Its functions import what they need when they are called, so
that the list of stages costs nothing to read; no torch here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

    from vidrobust.models.predict import Model
    from vidrobust.pipeline.run import Run
    from vidrobust.pipeline.unit import Context, Found, Read, StreamWork, Trim
    from vidrobust.run_folder.settings import Settings
    from vidrobust.video.source import VideoSource

Budgeted = Literal["frames", "pairs"]
BUDGETED: tuple[Budgeted, ...] = ("frames", "pairs")
Facts = Mapping[tuple[str, str, int], Mapping[str, Any]]
"""What each unit noted beside its tables, by its input, model or "", and segment."""


def _nothing_to_check(settings: Settings) -> None:
    """Any settings will do."""


def _reads_nothing(settings: Settings) -> Any:
    """Tables of the run folder alone."""


def _metrics(run: Run) -> Any:
    """The headline figures."""
    return run.folder.read_json("metrics.json")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What is known of every stage.

    name      of its command, of its line in run.json, of its folder in the cache
    sentence  what it answers, for the command line
    version   raised whenever its numbers change; then its units are made anew
    needs     stages whose results it reads: they are made first
    uses      stages whose results it reads where they are there
    settings  names of the settings on which its numbers depend
    tables    of the run, made of all units together; ``files`` beside them
    check     raises SettingsError for settings that the stage could not use
    as_json   what ``--json`` prints
    command   whether it is a command of its own
    on_request  it is made where it is named, and a study leaves it out
    """

    name: str
    sentence: str
    version: int
    needs: tuple[Stage, ...] = ()
    uses: tuple[Stage, ...] = ()
    settings: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    check: Callable[[Settings], object] = _nothing_to_check
    as_json: Callable[[Run], Any] = _metrics
    command: bool = True
    on_request: bool = False

    @property
    def all_settings(self) -> tuple[str, ...]:
        """Names of all settings on which its results depend."""
        return self.settings

    @property
    def all_tables(self) -> tuple[str, ...]:
        """Names of all tables that it writes into the run folder."""
        return self.tables


@dataclass(frozen=True, kw_only=True)
class FootageStage(Stage):
    """A stage whose work is cut from footage into units; their tables are joined, and then summarised.

    per        its unit of work: an input, or an input and a model
    tasks      of the models that have such a unit
    unit_tables  made unit by unit, and kept in the cache; the first one marks a unit as done
    summary_settings  settings on which ``tables`` alone depend, not the units; of ``labels`` also what they say
    extra_key  plain values on which the units depend besides: what other packages bring
    summarise  writes ``tables`` and ``files`` from the joined tables and what the units noted
    """

    per: Literal["item", "model"]
    unit_tables: tuple[str, ...]
    tasks: tuple[str, ...] = ("classification", "detection")
    summary_settings: tuple[str, ...] = ()
    extra_key: Callable[[Settings, Model | None], Any] | None = None
    summarise: Callable[[Run, Facts], None] | None = None

    @property
    def all_settings(self) -> tuple[str, ...]:
        return (*self.settings, *self.summary_settings)

    @property
    def all_tables(self) -> tuple[str, ...]:
        return (*self.unit_tables, *self.tables)


@dataclass(frozen=True, kw_only=True)
class StreamStage(FootageStage):
    """A unit is fed with every frame in order.

    work        makes the unit of a context and a model (None where ``per`` is "item")
    whole_item  (settings, model, what run.json says of the input, its tables, its transitions) -> the tables of an
                input that was worked on in segments, where rows depend on the whole of it
    """

    work: Callable[[Context, Model | None], StreamWork]
    whole_item: (
        Callable[
            [Settings, Model, Mapping[str, Any], Mapping[str, pd.DataFrame], pd.DataFrame],
            dict[str, pd.DataFrame],
        ]
        | None
    ) = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """A sample as large as it was when it was looked at.

    part    its size as a part of the largest that was asked for
    tables  the unit tables of the stage, joined
    """

    part: float
    tables: Mapping[str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class SampleStage(FootageStage):
    """A unit works on a sample of the frames, or of the pairs, of its footage, for all models at once.

    budgeted       what the sample consists of; the setting of that name says how many of the run
    work           does the unit
    frames_needed  numbers of the frames that the work will ask for, to be decoded once
    trim           (what reads the tables that a unit needed, content, settings, count) -> what cuts the rows of
                   any of its tables to those of a sample so large
    steps          steps that one of the sample takes; ``step`` is what one is called
    conclude       writes ``tables`` from the sample as it was at each look and is now, in place of ``summarise``
    undecided      whether a larger sample might still tell what this one does not
    """

    budgeted: Budgeted
    work: Callable[[Context, VideoSource, list[Model]], dict[str, Found]]
    frames_needed: Callable[[Context], Sequence[int]]
    trim: Callable[[Read, str, Settings, int], Trim]
    steps: Callable[[Settings], float]
    step: str
    conclude: Callable[[Run, Sequence[Look]], None] | None = None
    undecided: Callable[[Run], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class TableStage(Stage):
    """A stage that reads tables, the whole run at once; ``make`` writes its ``tables`` and ``files``.

    reads  plain values: the state of what it reads outside of the run folder, None where it reads nothing there
    """

    make: Callable[[Run], None]
    reads: Callable[[Settings], Any] = _reads_nothing


@dataclass(frozen=True)
class Stages:
    """The stages of a study, in the order in which they are made."""

    stages: tuple[Stage, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(stage.name for stage in self.stages)

    @property
    def studied(self) -> tuple[str, ...]:
        """The names of those that a study makes."""
        return tuple(stage.name for stage in self.stages if not stage.on_request)

    @property
    def footage(self) -> tuple[FootageStage, ...]:
        """Those that work on footage."""
        return tuple(stage for stage in self.stages if isinstance(stage, FootageStage))

    def named(self, name: str) -> Stage:
        """The stage of this name; KeyError where there is none."""
        return next((stage for stage in self.stages if stage.name == name), None) or self._unknown(name)

    def _unknown(self, name: str) -> Stage:
        raise KeyError(f"no stage {name!r}; there are {', '.join(self.names)}")

    def with_needs(self, names: Iterable[str], made: Iterable[str] = ()) -> tuple[Stage, ...]:
        """These stages and all they need, in order; of what they use, what has been ``made`` or is named."""
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
    """The stage that writes the transitions a unit of this one reads; the stage itself where it is that one."""
    if isinstance(stage, StreamStage) and stage.unit_tables[0] == "transitions":
        return stage
    for needed in stage.needs:
        if isinstance(needed, FootageStage):
            return described_by(needed)
    raise TypeError(f"stage {stage.name}: needs no stage that describes its inputs")
