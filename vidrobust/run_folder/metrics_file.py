"""metrics.json read as records: the figures of every model, for gates, the history of a line and the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cattrs import Converter

from vidrobust.errors import InputError
from vidrobust.metrics.catalogue import find_metric

FILE = "metrics.json"
SCHEMA = 2


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A metric over all inputs with its 95 % interval; None where it could not be computed.

    cluster, clusters      what the interval takes as independent ("part", "item", "stretch"), and how many
    exact_low, exact_high  of right answers, with all n as independent
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    cluster: str = ""
    clusters: int = 0
    exact_low: float | None = None
    exact_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class ModelMetrics:
    """One model: its figures by metric, and what was counted (frames, pairs, excluded, noise floor)."""

    figures: Mapping[str, Figure] = field(default_factory=dict)
    counted: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The file: models by name, and pairs of models that were compared."""

    schema: int = SCHEMA
    items: int = 0
    models: Mapping[str, ModelMetrics] = field(default_factory=dict)
    model_pairs: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, content: Mapping[str, Any], where: str = FILE) -> Metrics:
        """From the content of a metrics.json, an empty one without a model; else InputError."""
        try:
            found = cls(
                schema=int(content.get("schema", SCHEMA)),
                items=int(content.get("items", 0)),
                models={str(name): _model(each) for name, each in content.get("models", {}).items()},
                model_pairs=tuple(content.get("model_pairs", ())),
            )
        except Exception as error:  # cattrs gathers what is wrong in groups of its own
            raise InputError(f"{where}: is not the metrics.json of this version: {error!r}") from error
        if found.schema != SCHEMA:
            raise InputError(
                f"{where}: schema {found.schema} is not known, this version reads {SCHEMA}; run its stages again"
            )
        return found

    def asked(self, metric: str, tasks: Mapping[str, str]) -> dict[str, dict[str, dict[str, Any]]]:
        """Model -> metric -> {value, low, high, n, ...} of the models that a rule on a metric is about.

        Those are the models whose task has it; where none has, all. tasks: model -> its task.
        """
        of = {name for name, task in tasks.items() if find_metric(metric, task)} & set(self.models)
        return {
            name: {key: asdict(figure) for key, figure in each.figures.items()}
            for name, each in self.models.items()
            if name in of or not of
        }


def _model(content: Mapping[str, Any]) -> ModelMetrics:
    figures = {name: each for name, each in content.items() if isinstance(each, Mapping) and "value" in each}
    return ModelMetrics(
        figures={name: _CONVERTER.structure(each, Figure) for name, each in figures.items()},
        counted={name: each for name, each in content.items() if name not in figures},
    )


_CONVERTER = Converter(detailed_validation=False)
