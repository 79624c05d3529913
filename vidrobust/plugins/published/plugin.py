"""Registers the published protocols without slow imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidrobust.cli.command_entry import CommandEntry, at
from vidrobust.report.section import called
from vidrobust.stages.correlate.stage import CorrelationProtocol
from vidrobust.stages.sensitivity.stage import SuiteProtocol

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "Protocols"
COMMANDS = (
    CommandEntry(
        name="corruptions",
        section=SECTION,
        help="Measure errors under published corruptions of a folder of images.",
        load=at("vidrobust.plugins.published.corruptions_command:corruptions"),
    ),
    CommandEntry(
        name="transplant",
        section=SECTION,
        help="Move an object over a clip: is it found, and what becomes of the other boxes?",
        load=at("vidrobust.plugins.published.transplant_command:transplant"),
    ),
    CommandEntry(
        name="data",
        section=SECTION,
        help="Check a data set that was downloaded.",
        load=at("vidrobust.plugins.published.data_command:data"),
    ),
)


def _pictures_of_shifts() -> int:
    from vidrobust.plugins.published.shift_study import PICTURES_PER_FRAME

    return PICTURES_PER_FRAME


def _pictures_of_sequences() -> int:
    from vidrobust.plugins.published.perturbations.sequences import SEQUENCES

    return sum(sequence.num_frames for sequence in SEQUENCES.values())


SUITE_PROTOCOLS = (
    SuiteProtocol(
        suite="shift",
        pictures=_pictures_of_shifts,
        study=called("vidrobust.plugins.published.shift_study:study_pixel_shifts"),
    ),
    SuiteProtocol(
        suite="imagenet-p",
        pictures=_pictures_of_sequences,
        study=called("vidrobust.plugins.published.protocols:study_sequences"),
    ),
)


def _gu2019(folder: Path, **how: int) -> tuple[dict[str, Any], list[str]]:
    from vidrobust.plugins.published.protocols import lines, on_run

    study = on_run(folder, **how)
    result = {
        name: value for name, value in study.items() if name not in ("square", "models_in_square")
    }
    return result, lines(study)


GU2019 = CorrelationProtocol(
    name="gu2019",
    stages=("stability", "sensitivity"),
    tables=("frames", "sensitivity"),
    run=_gu2019,
)
PROTOCOLS = (*SUITE_PROTOCOLS, GU2019)
