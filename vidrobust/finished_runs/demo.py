"""Demos: whole studies of footage that comes with a package. That of a line of bottles is the core's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vidrobust.extensions import Extensions, extensions
from vidrobust.pipeline.progress import Reporter

# 403 frames of 640 x 360 px, 29.8 a second; ``demo_clip/CREDITS.csv`` says whose it is.
CLIP = Path(__file__).parent / "demo_clip" / "bottles.mp4"
MODEL = "efficientnet-lite0"
GROUP = "vidrobust.demos"  # group of entry points in which a package names a Demo, or several


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A study that a newcomer can run at once."""

    name: str  # as in ``vidrobust demo NAME``
    help: str  # what it studies, in one sentence
    out: str  # its run folder where the user names none
    # ``(run folder, reporter)`` runs the study and gives the lines of the answer.
    run: Callable[[str, Reporter], list[str]]
    comes_first: bool = False  # it is run where the user names none


def run_bottles(out: str, reporter: Reporter) -> list[str]:
    from vidrobust.pipeline.build import build
    from vidrobust.pipeline.open import opened_sources
    from vidrobust.run_folder.reader import RunTables
    from vidrobust.run_folder.settings import Settings
    from vidrobust.stages.answer.text import console_text
    from vidrobust.stages.catalogue import STAGES

    with opened_sources(Settings(sources=(str(CLIP),), model=(MODEL,)), out, reporter) as run:
        build(run, STAGES, STAGES.studied)
    return console_text(RunTables(run.path)).splitlines()


BOTTLES = Demo(
    name="bottles",
    help="a real clip with a real network, which come with the package; some three minutes on two processors",
    out="reports/demo-bottles",
    run=run_bottles,
)


@cache
def provided() -> Extensions[Demo]:
    return extensions(GROUP, Demo, lambda demo: demo.name, {BOTTLES.name})


def demos() -> dict[str, Demo]:
    """Return the demos by name, the first one first."""
    every = sorted((BOTTLES, *provided().records), key=lambda demo: not demo.comes_first)
    return {demo.name: demo for demo in every}
