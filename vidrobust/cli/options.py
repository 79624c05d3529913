"""Options that are settings, each shown by the commands whose stages use it, and those of every command.

A setting's option is a record in ``settings/``, in the module of its group; its name is the setting's, and its
default stands in the settings. ``setting_options`` and ``stage_options`` pick the records that a command uses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from vidrobust.cli.grouped import GroupedOption
from vidrobust.cli.settings.footage import FOOTAGE
from vidrobust.cli.settings.model import MODEL as OF_MODEL
from vidrobust.cli.settings.output import OUTPUT
from vidrobust.cli.settings.sampling import SAMPLING
from vidrobust.cli.settings.setting_option import F
from vidrobust.pipeline.stage import FootageStage, Stage

OPTIONS = (*FOOTAGE, *OF_MODEL, *SAMPLING, *OUTPUT)
OF_SETTING = {option.setting: option for option in OPTIONS}

MODEL = click.option(
    "--model",
    "-m",
    cls=GroupedOption,
    group="Model",
    multiple=True,
    metavar="SPEC",
    help="A model: torchvision:NAME, onnx:FILE, ... (vidrobust models lists all). May be repeated.",
)
OUT = click.option(
    "--out",
    "-o",
    cls=GroupedOption,
    group="Output",
    metavar="DIR",
    help="The run folder.  [default: reports/NAME]",
)
CONFIG = click.option(
    "--config",
    cls=GroupedOption,
    group="Output",
    metavar="FILE",
    help="Settings in TOML, named as these options.",
)
FOR = click.option(
    "--for",
    "lasting",
    cls=GroupedOption,
    group="Footage",
    advanced=True,
    metavar="TIME",
    help="Record a stream (rtsp://..., - for a pipe) for this long: 60s, 10m, 1h.  [default: to its end]",
)
OVERWRITE = click.option(
    "--overwrite",
    cls=GroupedOption,
    group="Output",
    is_flag=True,
    help="Replace a run folder of other sources or another version.",
)
DRY_RUN = click.option(
    "--dry-run",
    cls=GroupedOption,
    group="Output",
    is_flag=True,
    help="Only say what would be done and how long it takes.",
)
JSON = click.option(
    "--json", "as_json", cls=GroupedOption, group="Output", is_flag=True, help="Print the result as JSON."
)
QUIET = click.option(
    "--quiet", "-q", cls=GroupedOption, group="Output", is_flag=True, help="Only warnings and errors."
)


def options(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, in this order."""

    def decorate(function: F) -> F:
        for option in reversed(decorators):
            function = option(function)
        return function

    return decorate


def setting(*names: str) -> Callable[[F], F]:
    """The options of these settings."""
    return options(*(OF_SETTING[name].decorator() for name in names))


def setting_options(stages: Iterable[Stage], *, gated: bool) -> Callable[[F], F]:
    """The models, and the settings that these stages use.

    gated  whether the command ends with the gates: those of the stage stability then count
    """
    stages = tuple(stages)
    footage = [stage for stage in stages if isinstance(stage, FootageStage)]
    used = {name for stage in stages for name in stage.all_settings}
    holds = {
        "footage": bool(footage),
        "model": any(stage.per == "model" for stage in footage),
        "stability": gated,
    }
    chosen = [o for o in OPTIONS if (o.setting in used if o.used_by == "stage" else holds[o.used_by])]
    with_model = (MODEL,) if holds["model"] else ()
    return options(*with_model, *(option.decorator() for option in chosen))


def stage_options(stages: Iterable[Stage], *, gated: bool) -> Callable[[F], F]:
    """The same, and where the run is and how it speaks; what is about sources, where a stage works on them."""
    stages = tuple(stages)
    of_sources = (FOR, CONFIG, OVERWRITE) if any(isinstance(s, FootageStage) for s in stages) else ()
    return options(setting_options(stages, gated=gated), *of_sources, OUT, JSON, QUIET)
