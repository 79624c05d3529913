"""The commands of plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click

from vidrobust.cli.options import JSON, print_result
from vidrobust.text.numbers import interval, percent


def _number(
    name: str, metavar: str, text: str, default: float | None = None
) -> Callable[[Any], Any]:
    kind = int if isinstance(default, int) else float
    known = {"required": True} if default is None else {"default": default, "show_default": True}
    return click.option(name, type=kind, metavar=metavar, help=text, **known)


def _half_width(metavar: str, of: str) -> Callable[[Any], Any]:
    return _number("--half-width", metavar, f"The interval is to be {of} ± this, 0 to 1.")


@click.group()
def plan() -> None:
    """How many parts, operators or clips a study needs for a wanted interval."""


@plan.command("kappa")
@_number("--kappa", "KAPPA", "The kappa expected, 0 to 1.")
@_half_width("KAPPA", "kappa")
@_number("--operators", "N", "Operators who rate each part.", 3)
@_number("--trials", "N", "How often each of them does.", 2)
@_number("--defect-share", "SHARE", "Share of defects in the study.", 0.5)
@_number("--borderline", "SHARE", "Share of parts that toss a coin.", 0.1)
@JSON
def plan_kappa(operators: int, trials: int, as_json: bool, **world: float) -> None:
    """Parts for an attribute study."""
    from vidrobust.plugins.gauge.plan import parts_for_kappa

    needed = parts_for_kappa(ratings=operators * trials, **world)
    sentence = (
        f"{needed.parts} parts, each rated by {operators} operators in {trials} trials, give a kappa of "
        f"{world['kappa']:g} an interval of about ± {world['half_width']:g}, with "
        f"{percent(world['defect_share'])} defects and {percent(world['borderline'])} borderline parts."
    )
    print_result(asdict(needed), [sentence], as_json)


@plan.command("gauge")
@_number("--percent-grr", "PERCENT", "The %GRR expected, % of the study variation.")
@_number("--half-width", "PERCENT", "Half the length that the interval may have, %.")
@_number("--reproducibility", "SHARE", "Share of it between operators.", 0.3)
@_number("--trials", "N", "Measurements a part and operator.", 3)
@JSON
def plan_gauge(
    percent_grr: float, half_width: float, reproducibility: float, trials: int, as_json: bool
) -> None:
    """Operators, parts and trials for a gauge study."""
    from vidrobust.errors import SettingsError
    from vidrobust.plugins.gauge.plan import designs_for_grr

    designs = designs_for_grr(
        percent_grr, half_width, reproducibility_share=reproducibility, trials=trials
    )
    if not designs:
        raise SettingsError(
            "plan gauge: not reached with 10 operators and 200 parts; ask for a wider interval, or more trials"
        )
    lines = [
        f"{design.operators} operators x {design.parts} parts x {design.trials} trials, {design.measurements} in all: "
        f"%GRR {percent_grr:g} with an interval of about {interval(design.low, design.high)}"
        for design in designs
    ]
    print_result([asdict(design) for design in designs], lines, as_json)


@plan.command("flip-rate")
@_number("--rate", "RATE", "The rate expected, 0 to 1.")
@_half_width("RATE", "rate")
@_number("--clip-s", "S", "Length of a clip, seconds.", 10.0)
@_number("--fps", "F", "Pairs of neighbours per second.", 25.0)
@_number("--correlation", "SHARE", "Share of variance between clips.", 0.1)
@JSON
def plan_flip_rate(
    rate: float, half_width: float, clip_s: float, fps: float, correlation: float, as_json: bool
) -> None:
    """Clips and minutes for a flip rate."""
    from vidrobust.errors import SettingsError
    from vidrobust.plugins.gauge.plan import FootageNeeded, clusters_for_rate

    if (
        not 0 < rate < 1
        or not 0 < half_width < 1
        or not 0 <= correlation < 1
        or min(clip_s, fps) <= 0
    ):
        raise SettingsError(
            "plan flip-rate: rate, half width and correlation lie between 0 and 1, the rest above 0"
        )
    clips = clusters_for_rate(
        rate, half_width, correlation=correlation, per_cluster=max(1.0, clip_s * fps - 1)
    )
    needed = FootageNeeded(rate, half_width, correlation, clips, clips * clip_s)
    print_result(asdict(needed), [needed.sentence()], as_json)
