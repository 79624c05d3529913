"""What is asked of an engine: which one, in which precision, on how many threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from vidrobust.errors import SettingsError
from vidrobust.models.engines.runners import ENGINES, NAMES, PRECISIONS, Precision

KEYS = ("engine", "precision", "threads")
"""Options of a spec that say it."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """engine one of NAMES; precision one of PRECISIONS; threads None: chosen by measurement."""

    engine: str = "auto"
    precision: Precision = "float32"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.engine not in NAMES:
            raise SettingsError(f"engine: expected one of {', '.join(NAMES)}, got {self.engine!r}")
        if self.precision not in PRECISIONS:
            raise SettingsError(f"precision: expected one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        engine = ENGINES.get(self.engine)
        if self.precision not in (engine.precisions if engine else PRECISIONS):
            able = [e.name for e in ENGINES.values() if self.precision in e.precisions]
            raise SettingsError(f"engine {self.engine} has no {self.precision}: use {' or '.join(able)}")
        if self.engine == "torch" and self.precision == "int8":
            raise SettingsError("engine torch has no int8: use openvino or onnxruntime")

    def changed(self, options: Mapping[str, str], threads: int | None) -> Wanted:
        """With what the options of a spec say."""
        return Wanted(
            engine=options.get("engine", self.engine),
            precision=cast(Precision, options.get("precision", self.precision)),
            threads=threads if threads is not None else self.threads,
        )
