"""The commands of plan: how many parts, trials or clips a study needs."""

from __future__ import annotations

from dataclasses import asdict

import click

from vidrobust.cli.options import JSON, print_result
from vidrobust.text.numbers import interval, percent


@click.group()
def plan() -> None:
    """How many parts, operators or clips a study needs for a wanted interval."""


@plan.command("kappa")
@click.option("--kappa", type=float, required=True, metavar="KAPPA", help="The kappa expected, 0 to 1.")
@click.option(
    "--half-width",
    type=float,
    required=True,
    metavar="KAPPA",
    help="The interval is to be kappa ± this, 0 to 1.",
)
@click.option(
    "--operators", type=int, default=3, show_default=True, metavar="N", help="Operators who rate each part."
)
@click.option(
    "--trials", type=int, default=2, show_default=True, metavar="N", help="How often each of them does."
)
@click.option(
    "--defect-share",
    type=float,
    default=0.5,
    show_default=True,
    metavar="SHARE",
    help="Share of defects in the study.",
)
@click.option(
    "--borderline",
    type=float,
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Share of parts that toss a coin.",
)
@JSON
def plan_kappa(
    kappa: float,
    half_width: float,
    operators: int,
    trials: int,
    defect_share: float,
    borderline: float,
    as_json: bool,
) -> None:
    """Parts for an attribute study."""
    from vidrobust.plugins.gauge.plan import parts_for_kappa

    found = parts_for_kappa(
        kappa, half_width, ratings=operators * trials, defect_share=defect_share, borderline=borderline
    )
    sentence = (
        f"{found.parts} parts, each rated by {operators} operators in {trials} trials, give a kappa of {kappa:g} "
        f"an interval of about ± {half_width:g}, with {percent(defect_share)} defects and "
        f"{percent(borderline)} borderline parts."
    )
    print_result(asdict(found), [sentence], as_json)


@plan.command("gauge")
@click.option(
    "--percent-grr",
    type=float,
    required=True,
    metavar="PERCENT",
    help="The %GRR expected, % of the study variation.",
)
@click.option(
    "--half-width",
    type=float,
    required=True,
    metavar="PERCENT",
    help="Half the length that the interval may have, %.",
)
@click.option(
    "--reproducibility",
    type=float,
    default=0.3,
    show_default=True,
    metavar="SHARE",
    help="Share of it between operators.",
)
@click.option(
    "--trials", type=int, default=3, show_default=True, metavar="N", help="Measurements a part and operator."
)
@JSON
def plan_gauge(
    percent_grr: float, half_width: float, reproducibility: float, trials: int, as_json: bool
) -> None:
    """Operators, parts and trials for a gauge study."""
    from vidrobust.errors import SettingsError
    from vidrobust.plugins.gauge.plan import designs_for_grr

    found = designs_for_grr(percent_grr, half_width, reproducibility_share=reproducibility, trials=trials)
    if not found:
        raise SettingsError(
            "plan gauge: not reached with 10 operators and 200 parts; ask for a wider interval, or more trials"
        )
    lines = [
        f"{each.operators} operators x {each.parts} parts x {each.trials} trials, {each.measurements} in all: "
        f"%GRR {percent_grr:g} with an interval of about {interval(each.low, each.high)}"
        for each in found
    ]
    print_result([asdict(each) for each in found], lines, as_json)


@plan.command("more")
@click.argument("study", metavar="STUDY")
@JSON
def plan_more(study: str, as_json: bool) -> None:
    """What would settle the verdict of STUDY: a run folder, or what repeatability --json printed, in a file."""
    import json
    from pathlib import Path

    from vidrobust.errors import InputError
    from vidrobust.plugins.gauge.figures import FILE
    from vidrobust.text.printable import printable

    path = Path(study) / FILE if Path(study).is_dir() else Path(study)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["overall"]
        needed, short, reasons = found["needed"], found["short"], found["reasons"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{printable(path)}: is no study; give a run folder after vidrobust repeatability, or a file with "
            "what vidrobust repeatability --json printed"
        ) from error
    summary = {"verdict": found["verdict"], "needed": needed, "short": short, "reasons": reasons}
    lines = [found["sentence"], *(f"  needed: {text}" for text in needed)]
    lines += [f"  more {each['what']}: {each['has']:.3g} now, at least {each['least']}" for each in short]
    print_result(summary, lines, as_json)


@plan.command("flip-rate")
@click.option("--rate", type=float, required=True, metavar="RATE", help="The rate expected, 0 to 1.")
@click.option(
    "--half-width",
    type=float,
    required=True,
    metavar="RATE",
    help="The interval is to be rate ± this, 0 to 1.",
)
@click.option(
    "--clip-s", type=float, default=10.0, show_default=True, metavar="S", help="Length of a clip, seconds."
)
@click.option(
    "--fps", type=float, default=25.0, show_default=True, metavar="F", help="Pairs of neighbours per second."
)
@click.option(
    "--correlation",
    type=float,
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Share of variance between clips.",
)
@JSON
def plan_flip_rate(
    rate: float, half_width: float, clip_s: float, fps: float, correlation: float, as_json: bool
) -> None:
    """Clips and minutes for a flip rate."""
    from vidrobust.errors import SettingsError
    from vidrobust.plugins.gauge.plan import FootageNeeded, clusters_for_rate

    if not 0 < rate < 1 or not 0 < half_width < 1 or not 0 <= correlation < 1 or min(clip_s, fps) <= 0:
        raise SettingsError(
            "plan flip-rate: rate, half width and correlation lie between 0 and 1, the rest above 0"
        )
    clips = clusters_for_rate(
        rate, half_width, correlation=correlation, per_cluster=max(1.0, clip_s * fps - 1)
    )
    found = FootageNeeded(rate, half_width, correlation, clips, "item", clips * clip_s, 0.0)
    print_result(asdict(found), [found.sentence()], as_json)
