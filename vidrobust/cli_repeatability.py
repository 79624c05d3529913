"""The commands of measurement systems analysis: repeatability of tables."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click

from vidrobust.errors import SettingsError
from vidrobust.files import plain


@click.command()
@click.argument("run_folder", required=False, type=click.Path(path_type=Path))
@click.option("--gauge", "gauge_file", metavar="CSV", help="A variables study: part, operator, trial, value.")
@click.option(
    "--attribute",
    "attribute_file",
    metavar="CSV",
    help="An attribute study: the same, value a class [, reference].",
)
@click.option("--tolerance", type=float, metavar="W", help="Width of the tolerance, for %tolerance.")
@click.option("--tolerance-low", type=float, metavar="X", help="Lower limit of the tolerance.")
@click.option("--tolerance-high", type=float, metavar="X", help="Upper limit of the tolerance.")
@click.option(
    "--guard", type=float, metavar="K", help="A guard band of K x gauge sd: what it costs and saves."
)
@click.option(
    "--pool-above",
    type=float,
    default=0.25,
    show_default=True,
    help="Pool the interaction above this p-value.",
)
@click.option("--defect", metavar="CLASS[,CLASS]", help="The classes that are defects.")
@click.option(
    "--ordered", metavar="CLASS,CLASS,...", help="The classes from lowest to highest, for Kendall's W."
)
@click.option(
    "--profile", default="aiag", show_default=True, metavar="NAME|FILE", help="Rules of acceptance, in TOML."
)
@click.option(
    "--rule",
    default="majority",
    show_default=True,
    metavar="NAME",
    help="How frames become a verdict: majority, any-defect, mean, last, worst.",
)
@click.option(
    "--inspectors", metavar="CSV", help="Verdicts of people on the same parts: part, operator, trial, value."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def repeatability(
    run_folder: Path | None,
    gauge_file: str | None,
    attribute_file: str | None,
    tolerance: float | None,
    tolerance_low: float | None,
    tolerance_high: float | None,
    guard: float | None,
    pool_above: float,
    defect: str | None,
    ordered: str | None,
    profile: str,
    rule: str,
    inspectors: str | None,
    as_json: bool,
) -> None:
    """Is it repeatable and reproducible: gauge R&R and attribute agreement.

    Of a run on a manifest with part and pass (RUN_FOLDER), or of tables without video.
    """
    if sum(each is not None for each in (run_folder, gauge_file, attribute_file)) != 1:
        raise click.UsageError("give a run folder, --gauge CSV or --attribute CSV")
    if run_folder is not None:
        found = _of_run(
            run_folder, rule, _classes(defect), _classes(ordered), pool_above, profile, inspectors
        )
    elif gauge_file is not None:
        found = _gauge(Path(gauge_file), tolerance, tolerance_low, tolerance_high, guard, pool_above, profile)
    else:
        found = _attribute(Path(str(attribute_file)), _classes(defect), _classes(ordered), profile)
    if as_json:
        click.echo(json.dumps(plain(found), indent=2))
    else:
        from vidrobust.repeatability.words import lines

        click.echo("\n".join(lines(found)))


def _gauge(
    path: Path,
    width: float | None,
    low: float | None,
    high: float | None,
    guard: float | None,
    pool_above: float,
    profile: str,
) -> dict[str, Any]:
    from dataclasses import asdict

    from vidrobust.repeatability.acceptance import judge, load_profile
    from vidrobust.repeatability.gauge import gauge_study
    from vidrobust.repeatability.guard_band import guard_band, tolerance_width
    from vidrobust.repeatability.measurements import read_gauge

    rules = load_profile(profile)
    wide = tolerance_width(low, high, width)
    if wide <= 0:
        raise SettingsError(f"--tolerance: expected a width above 0, got {wide:g}")
    study = gauge_study(read_gauge(path), tolerance=wide, pool_above=pool_above)
    found = {"study": "gauge", **study.as_json()}
    values = [(name, "", found[name]) for name in ("percent_grr", "percent_tolerance", "ndc")]
    found["verdicts"] = judge(
        rules, "gauge", [v for v in values if v[0] != "percent_tolerance" or not math.isnan(wide)]
    )
    if guard is not None:
        ends = (-math.inf if low is None else low, math.inf if high is None else high)
        sd, part = study.components["grr"].sd, study.components["part"].sd
        found["guard_band"] = asdict(
            guard_band(*ends, gauge_sd=sd, part_mean=study.mean, part_sd=part, k=guard)
        )
    return found


def _attribute(path: Path, defect: list[str], ordered: list[str], profile: str) -> dict[str, Any]:
    from vidrobust.repeatability.acceptance import judge, load_profile
    from vidrobust.repeatability.attribute import attribute_study
    from vidrobust.repeatability.measurements import read_attribute

    rules = load_profile(profile)
    found = {"study": "attribute", **attribute_study(read_attribute(path), defect=defect, ordered=ordered)}
    found["verdicts"] = judge(rules, "attribute", _attribute_values(found))
    return found


def _attribute_values(found: dict[str, Any]) -> list[tuple[str, str, float | None]]:
    """What the profile may judge: (quantity, of what, value)."""
    values: list[tuple[str, str, float | None]] = []
    for operator, told in ((found["against_reference"] or {}).get("operators") or {}).items():
        values += [
            (name, operator, told[name]["value"])
            for name in ("effectiveness", "miss_rate", "false_alarm_rate", "kappa")
            if told[name] is not None
        ]
    for pair in found["between_operators"]["cohens_kappa"]:
        values.append(("kappa", " and ".join(pair["operators"]), pair["value"]))
    return values


def _of_run(
    path: Path,
    rule: str,
    defect: list[str],
    ordered: list[str],
    pool_above: float,
    profile: str,
    inspectors: str | None,
) -> dict[str, Any]:
    from vidrobust.repeatability.acceptance import judge, load_profile
    from vidrobust.repeatability.measurements import read_attribute
    from vidrobust.run.folder import RunFolder
    from vidrobust.run.repeatability_of import repeatability_of

    rules = load_profile(profile)
    people = None if inspectors is None else read_attribute(Path(inspectors))
    attribute, gauge, notes, verdicts = repeatability_of(
        RunFolder.existing(path),
        rule=rule,
        defect=defect,
        ordered=ordered,
        pool_above=pool_above,
        inspectors=people,
    )
    judged = judge(rules, "attribute", _attribute_values(attribute))
    if gauge is not None:
        values = [(name, "", gauge[name]) for name in ("percent_grr", "ndc")]
        judged += judge(rules, "gauge", values)
    return {
        "study": "run",
        "rule": rule,
        "attribute": attribute,
        "gauge": gauge,
        "per_part": verdicts.to_dict("records"),
        "notes": notes,
        "verdicts": judged,
    }


def _classes(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def register(group: click.Group) -> None:
    """Add these commands to the command line."""
    for command in (repeatability,):
        group.add_command(command)
