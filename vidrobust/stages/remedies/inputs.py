"""Kinds of remedies, and stages of plugins that ask the models again, of other input, and add some."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from vidrobust.extensions import extensions
from vidrobust.pipeline.stage import TableStage

if TYPE_CHECKING:
    import pandas as pd

    from vidrobust.pipeline.run import OpenRun
    from vidrobust.statement import Statement


@dataclass(frozen=True)
class Effort:
    """Words, and points by which effects are divided; the points are ours, and no measurement."""

    points: float
    words: str


@dataclass(frozen=True)
class RemedyKind:
    """What all remedies of a kind share; ``{}`` of the title are their numbers."""

    title: str
    effort: Effort
    rule: Callable[..., Any] | None = None
    types: tuple[type, ...] = (float,)


class InputStage(TableStage):
    """A stage of a plugin, made by ``remedies --all``; its docstring is the help of that option."""

    command = False
    on_request = True
    without: ClassVar[tuple[str, ...]] = ()  # causes of the account that it takes out of the input

    @property
    @abstractmethod
    def kinds(self) -> Mapping[str, RemedyKind]:
        """Return title and effort of its remedies, by name."""

    @abstractmethod
    def rows(self, run: OpenRun, study: Any) -> Iterable[dict[str, Any]]:
        """Return rows of kind "input" of a ``LabelStudy`` or ``BoxStudy``; none where the stage was not made."""

    @abstractmethod
    def statements(self, model: str, rows: pd.DataFrame) -> Iterable[Statement]:
        """Return what the answer says, from a model's rows of the table by its leading metric."""


@cache
def input_stages() -> tuple[InputStage, ...]:
    return extensions("vidrobust.stages", InputStage, lambda stage: stage.name).records
