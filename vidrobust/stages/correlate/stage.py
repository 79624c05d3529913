"""The stage ``correlate``, and the published protocols that plugins add to its command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from vidrobust.extensions import Extensions, extensions
from vidrobust.pipeline.stage import TableStage
from vidrobust.stages.sensitivity.stage import SENSITIVITY
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.stages.variation.stage import VARIATION

if TYPE_CHECKING:
    from vidrobust.pipeline.run import OpenRun


# Group of entry points in which a package names a CorrelationProtocol, or several.
GROUP = "vidrobust.protocols"


class CorrelateStage(TableStage):
    """Which perturbations are proxies for what happens in the footage, across frames, clips and models."""

    name = "correlate"
    version = 11
    needs = (STABILITY, SENSITIVITY, VARIATION)
    settings = ("resamples", "seed")
    files = ("correlation.json", "correlation.html")

    def make(self, run: OpenRun) -> None:
        from vidrobust.stages.correlate.page import write_page
        from vidrobust.stages.correlate.studies import write_studies

        write_studies(run.folder, run.folder.record.parts, run.folder, run.settings, run.reporter)
        run.reporter.say(f"correlation: {write_page(run.folder)}")

    def as_json(self, run: OpenRun) -> Any:
        return run.folder.read_json("correlation.json")


CORRELATE = CorrelateStage()


@dataclass(frozen=True, kw_only=True)
class CorrelationProtocol:
    """A published way to correlate natural with synthetic robustness over models (``--protocol NAME``).

    ``stages`` are made first where a run lacks one of the ``tables``. ``run(folder, *, seed, resamples)`` gives
    what ``--json`` prints, and the lines of the console.
    """

    name: str
    stages: tuple[str, ...]
    tables: tuple[str, ...]
    run: Callable[..., tuple[dict[str, Any], list[str]]]


@cache
def provided() -> Extensions[CorrelationProtocol]:
    return extensions(GROUP, CorrelationProtocol, lambda protocol: protocol.name)


def protocols() -> dict[str, CorrelationProtocol]:
    return {protocol.name: protocol for protocol in provided().records}
