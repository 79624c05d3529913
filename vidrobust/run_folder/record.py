"""run.json and metrics.json as typed records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from vidrobust.errors import InputError, in_plain_words
from vidrobust.metrics.catalogue import find_metric

FILE = "metrics.json"
SCHEMA = 2
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A metric over all inputs with its 95 % interval; None if not computed."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    # What the interval takes as independent ("part", "item", "stretch"), and how many there are.
    cluster: str = ""
    clusters: int = 0
    # Interval of right answers with all n as independent.
    exact_low: float | None = None
    exact_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Metrics:
    schema: int = SCHEMA
    items: int = 0
    models: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)  # by model and metric

    @classmethod
    def of(cls, content: Mapping[str, Any], where: str = FILE) -> Metrics:
        """Parse metrics.json; InputError if it is none of this version."""
        schema = content.get("schema", SCHEMA)
        if schema != SCHEMA:
            raise InputError(
                f"{where}: schema {schema} is not known, this version reads {SCHEMA}; run its stages again"
            )
        return structured(_CONVERTER, content, cls, f"{where}: is not the metrics.json")

    def asked(self, metric: str, tasks: Mapping[str, str]) -> dict[str, dict[str, dict[str, Any]]]:
        """Return model -> metric -> figures of models whose task has a metric, or of all if none has."""
        of = {name for name, task in tasks.items() if find_metric(metric, task)} & set(self.models)
        return {
            name: {key: asdict(figure) for key, figure in figures.items()}
            for name, figures in self.models.items()
            if name in of or not of
        }


@dataclass(frozen=True, kw_only=True)
class InputRecord:
    """An input as read; what is not known is empty, 0 or None."""

    item: str
    path: str = ""
    # Hashes of the file and of the decoded pictures.
    sha256: str = ""
    decoded: str = ""
    # As the manifest names them.
    part: str = ""
    pass_: str = ""
    station: str = ""
    label: str = ""
    level: str = ""
    # Of the frames after rotation, in px.
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    frames: int = 0
    corrupt_frames: int = 0
    end_s: float | None = None  # time of the last frame
    codec: str = ""
    pixel_format: str = ""
    color_space: str | None = None
    color_range: str | None = None
    # The decoder, where it ran, and why it was chosen.
    backend: str = ""
    device: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    # problems, notes: what is wrong with the file, and what is odd but harmless.
    problems: tuple[str, ...] = ()
    frame_counts: tuple[int, ...] = ()
    seconds: float = 0.0  # duration of the reading
    variation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """A model as it was run, with the fields of ``models.info.ModelInfo``."""

    name: str
    task: str = "classification"
    spec: str = ""
    engine: str = ""
    device: str = ""
    precision: str = ""
    preprocessing: str = ""
    weights: str = ""
    weights_sha256: str = ""
    code_sha256: str = ""
    version: str = ""
    reading: str = ""
    threads: int = 0
    num_classes: int = 0
    notes: tuple[str, ...] = ()

    @property
    def is_recorded(self) -> bool:
        return self.spec.startswith(("predictions:", "detections:"))


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    key: str = ""
    version: int = 0
    package: str = ""  # version of vidrobust
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)  # keys of stages it was made of
    rows: Mapping[str, int] = field(default_factory=dict)  # of its tables
    units: int = 0
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Duplicate:
    item: str
    same_as: str


@dataclass(frozen=True, kw_only=True)
class FloorRecord:
    """How far answers to the same frames, read or computed in another way, lie apart."""

    flips: int
    n: int  # frames
    total_variation: float | None = None  # the largest; None where only labels are known
    decoders: tuple[str, ...] = ()  # the run's, and the other


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    schema: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[InputRecord, ...] = ()
    failed: tuple[Mapping[str, str], ...] = ()
    left_out: tuple[Mapping[str, str], ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    models: tuple[ModelRecord, ...] = ()
    stages: Mapping[str, StageRecord] = field(default_factory=dict)
    # by model and way
    noise_floor: Mapping[str, Mapping[str, FloorRecord]] = field(default_factory=dict)
    judged: Mapping[str, Any] = field(default_factory=dict)
    ms_a_frame: Mapping[str, float] = field(default_factory=dict)
    labels_outside: Mapping[str, Any] = field(default_factory=dict)
    sample: Mapping[str, Any] = field(default_factory=dict)
    # stages that a command has yet to make, or would have if not interrupted
    to_come: tuple[str, ...] = ()

    @classmethod
    def of(cls, content: Mapping[str, Any], where: str) -> RunRecord:
        """Parse run.json; InputError if it is none of this version."""
        return structured(_CONVERTER, content, cls, f"{where}: is not the run.json")

    @property
    def stability_key(self) -> str:
        """Key of the stability stage, which tells if studies of its verdicts still hold."""
        return self.stages["stability"].key if "stability" in self.stages else ""

    @property
    def parts(self) -> dict[str, str]:
        return {entry.item: entry.part for entry in self.inputs if entry.part}

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """(height, width) of each input, in px."""
        return {entry.item: (entry.height, entry.width) for entry in self.inputs}

    @property
    def tasks(self) -> dict[str, str]:
        return {model.name: model.task for model in self.models}


def structured(converter: Converter, content: Mapping[str, Any], cls: type[T], what: str) -> T:
    """Return the content of a file as a record; InputError, which begins with ``what``, for any other."""
    try:
        return converter.structure(content, cls)
    except Exception as error:  # cattrs gathers what is wrong in groups of its own
        raise InputError(f"{what} of this version: {in_plain_words(error)}") from error


_CONVERTER = Converter(detailed_validation=False)
_CONVERTER.register_structure_hook(
    InputRecord, make_dict_structure_fn(InputRecord, _CONVERTER, pass_=override(rename="pass"))
)
