"""The commands of measurement systems analysis: repeatability of tables."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vidrobust.cli import _CONFIG, _FOOTAGE, _MODEL, _OUT, _OVERWRITE, _PRINT, _options, _setting
from vidrobust.errors import InputError, SettingsError
from vidrobust.files import plain
from vidrobust.shown import shown

_PICTURES = _setting("--pictures/--no-pictures", "Footage in the report, or none.", default=None)


@click.command()
@click.argument("target", nargs=-1)
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
@_options(_MODEL, _OUT, _CONFIG, _OVERWRITE, _FOOTAGE, _PICTURES, _PRINT)
def repeatability(
    target: tuple[str, ...],
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
    **options: Any,
) -> None:
    """Is it repeatable and reproducible: gauge R&R and attribute agreement.

    TARGET is a manifest with part and pass (and --model), or a run folder on one; or give tables without video.
    """
    if sum((bool(target), gauge_file is not None, attribute_file is not None)) != 1:
        raise click.UsageError("give a manifest or run folder, or --gauge CSV, or --attribute CSV")
    code = 0
    if target:
        asked = _asked(
            rule, _classes(defect), _classes(ordered), pool_above, profile, inspectors,
            (tolerance_low, tolerance_high, tolerance),
        )  # fmt: skip
        found, code = _of_sources(target, asked, options)
    elif gauge_file is not None:
        found = _gauge(Path(gauge_file), tolerance, tolerance_low, tolerance_high, guard, pool_above, profile)
    else:
        found = _attribute(Path(str(attribute_file)), _classes(defect), _classes(ordered), profile)
    if as_json:
        click.echo(json.dumps(plain(found), indent=2))
    else:
        from vidrobust.repeatability.words import lines

        click.echo("\n".join(lines(found)))
    if code:
        sys.exit(code)


def _asked(
    rule: str,
    defect: list[str],
    ordered: list[str],
    pool_above: float,
    profile: str,
    inspectors: str | None,
    tolerance: tuple[float | None, float | None, float | None],
) -> Any:
    """What is asked of a run; wrong settings are found before any footage is opened."""
    from vidrobust.commands.repeatability_of import Asked
    from vidrobust.repeatability.acceptance import load_profile
    from vidrobust.repeatability.guard_band import tolerance_width
    from vidrobust.repeatability.measurements import read_attribute
    from vidrobust.repeatability.verdicts import check_rule

    check_rule(rule, defect)
    return Asked(
        rule=rule,
        defect=tuple(defect),
        ordered=tuple(ordered),
        pool_above=pool_above,
        profile=load_profile(profile),
        tolerance=tolerance_width(*tolerance),
        inspectors=None if inspectors is None else read_attribute(Path(inspectors)),
    )


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

    from vidrobust.repeatability.acceptance import gauge_values, judge, load_profile
    from vidrobust.repeatability.gauge import gauge_study
    from vidrobust.repeatability.guard_band import guard_band, tolerance_width
    from vidrobust.repeatability.measurements import read_gauge

    rules = load_profile(profile)
    wide = tolerance_width(low, high, width)
    if wide <= 0:
        raise SettingsError(f"--tolerance: expected a width above 0, got {wide:g}")
    study = gauge_study(read_gauge(path), tolerance=wide, pool_above=pool_above)
    found = {"study": "gauge", **study.as_json()}
    found["verdicts"] = judge(rules, "gauge", gauge_values(found))
    if guard is not None:
        ends = (-math.inf if low is None else low, math.inf if high is None else high)
        sd, part = study.components["grr"].sd, study.components["part"].sd
        found["guard_band"] = asdict(
            guard_band(*ends, gauge_sd=sd, part_mean=study.mean, part_sd=part, k=guard)
        )
    return found


def _attribute(path: Path, defect: list[str], ordered: list[str], profile: str) -> dict[str, Any]:
    from vidrobust.repeatability.acceptance import attribute_values, judge, load_profile
    from vidrobust.repeatability.attribute import attribute_study
    from vidrobust.repeatability.measurements import read_attribute

    rules = load_profile(profile)
    found = {"study": "attribute", **attribute_study(read_attribute(path), defect=defect, ordered=ordered)}
    found["verdicts"] = judge(rules, "attribute", attribute_values(found))
    return found


def _of_sources(target: Sequence[str], asked: Any, options: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """The studies of a run folder, or of sources whose stability is made first; and the exit code."""
    from vidrobust.cli import _given, _may_be_footage, _reporter
    from vidrobust.commands.find_passes import manifest_for
    from vidrobust.footage.expand import expand_sources
    from vidrobust.run.build import build
    from vidrobust.run.folder import is_run_folder
    from vidrobust.run.open import folder_of, opened_folder, opened_sources, settings_of

    out, config, overwrite = (options.pop(name) for name in ("out", "config", "overwrite"))
    reporter, given = _reporter(options.pop("quiet")), _given(options)
    first = Path(target[0])
    if len(target) == 1 and is_run_folder(first):
        with opened_folder(first, given, reporter, out) as run:
            build(run, ("stability",) if set(given) - {"pictures"} else ())
            return _studied(run, asked), 0
    if len(target) == 1 and not _may_be_footage(target[0]):
        raise InputError(f"{shown(target[0])}: is not a run folder, and there is no footage either")
    settings, named = settings_of(target, config, given)
    items = expand_sources(settings.sources).items
    if (file := manifest_for(settings, out or named, items, reporter)) is not None:
        out = str(folder_of(settings, out or named))
        settings = settings.changed({"sources": (str(file),)}, "passes")
    with opened_sources(settings, out or named, reporter, overwrite=overwrite) as run:
        build(run, ("stability",))
        found = _studied(run, asked)
        if run.failed:
            reporter.warn(f"{len(run.failed)} input(s) could not be read; the others are done")
        return found, 3 if run.failed else 0


def _studied(run: Any, asked: Any) -> dict[str, Any]:
    from vidrobust.commands.repeatability_of import repeatability_of
    from vidrobust.report.html import write_report

    found = repeatability_of(run, asked)
    run.reporter.say(f"report: {write_report(run.path)}")
    return found


def _classes(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


@click.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--out", "-o", metavar="FILE", default="passes.csv", show_default=True, help="Where to write.")
@click.option(
    "--cycle",
    type=int,
    default=0,
    metavar="N",
    help="N parts come round in turn; else each pass is a new one.",
)
@_options(_FOOTAGE, _PICTURES, _PRINT)
def passes(
    sources: tuple[str, ...], out: str, cycle: int, as_json: bool, quiet: bool, **options: Any
) -> None:
    """Find the passes in SOURCES: a part enters, is whole, leaves. Written as a manifest, for you to correct.

    Beside it a sheet of pictures, one row a pass, unless --no-pictures. The camera must stand still.
    """
    from vidrobust.cli import _given, _reporter
    from vidrobust.commands.find_passes import passes_in, passes_told, write_passes
    from vidrobust.run.open import settings_of

    file = Path(out)
    settings, _ = settings_of(sources, None, _given(options))
    found = passes_in(settings, _reporter(quiet), cycle=cycle, beside=file.parent)
    write_passes(found, file)
    if as_json:
        told = {"passes": found.rows.to_dict("records"), "left_out": list(found.left_out), "file": out}
        click.echo(json.dumps(plain(told), indent=2))
    else:
        click.echo("\n".join([*passes_told(found), str(file)]))
    if found.rows.empty:
        raise InputError("no part was seen to cross the picture")


def register(group: click.Group) -> None:
    """Add these commands to the command line."""
    for command in (repeatability, passes):
        group.add_command(command)
