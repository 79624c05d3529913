"""The commands of measurement systems analysis: repeatability of tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vidrobust.cli.app import (
    _CONFIG,
    _FOOTAGE,
    _GATES,
    _MODEL,
    _OUT,
    _OVERWRITE,
    _PRINT,
    _options,
    _setting,
)
from vidrobust.errors import InputError, SettingsError
from vidrobust.files.json_text import json_text, plain
from vidrobust.text.printable import printable

_PICTURES = _setting("--pictures/--no-pictures", "Footage in the report, or none.", default=None)


@click.command()
@click.argument("target", nargs=-1)
@click.option("--gauge", "gauge_file", metavar="CSV", help="A variables study: part, operator, trial, value.")
@click.option(
    "--attribute",
    "attribute_file",
    metavar="CSV",
    help="An attribute study: the same, value a class [, reference]. With TARGET: what people said of its parts.",
)
@click.option("--tolerance", type=float, metavar="W", help="Width of the tolerance, for %tolerance.")
@click.option("--tolerance-low", type=float, metavar="X", help="Lower limit of the tolerance.")
@click.option("--tolerance-high", type=float, metavar="X", help="Upper limit of the tolerance.")
@click.option(
    "--guard",
    type=float,
    metavar="K",
    help="A guard band of K x repeatability: what it costs and saves.",
)
@click.option(
    "--pool-above",
    type=float,
    default=0.25,
    show_default=True,
    help="Pool the interaction above this p-value.",
)
@click.option("--defect", metavar="CLASS[,CLASS]", help="The classes that are defects.")
@click.option("--pass-fail", is_flag=True, help="Only defect or not counts, not which class.")
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
@_options(_MODEL, _OUT, _CONFIG, _OVERWRITE, _FOOTAGE, _GATES, _PICTURES, _PRINT)
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
    pass_fail: bool,
    ordered: str | None,
    profile: str,
    rule: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Is it repeatable and reproducible: gauge R&R and attribute agreement.

    TARGET is a manifest with part and pass (and --model), or a run folder on one; or give tables without video.
    The tolerance is that of the score (--defect), 0 to 1, or of the values of --gauge. --out is the run folder, or
    of tables the report: PAGE.html, or a folder for it.
    """
    if not (target or gauge_file or attribute_file) or (gauge_file and (target or attribute_file)):
        raise click.UsageError("give a manifest or run folder, or --gauge CSV, or --attribute CSV")
    asked = _asked(
        attribute_file if target else None,
        rule=rule,
        defect=tuple(_classes(defect)),
        pass_fail=pass_fail,
        ordered=tuple(_classes(ordered)),
        pool_above=pool_above,
        profile=profile,
        tolerance_width=tolerance,
        tolerance_low=tolerance_low,
        tolerance_high=tolerance_high,
        guard=guard,
    )
    if target:
        code = _of_sources(target, asked, options, as_json)
    else:
        code = _of_table(gauge_file, attribute_file, asked, options, as_json)
    if code:
        sys.exit(code)


def _tell(found: dict[str, Any], as_json: bool) -> None:
    from vidrobust.repeatability.words import lines

    click.echo(json_text(found) if as_json else "\n".join(lines(found)) + "\n", nl=False)


def _asked(people: str | None, **asked: Any) -> Any:
    """What is asked of a study; wrong settings are found before any footage is opened."""
    from vidrobust.finished_runs.studies import Asked
    from vidrobust.repeatability.acceptance import load_profile
    from vidrobust.repeatability.measurements import read_attribute
    from vidrobust.repeatability.verdicts import check_rule

    found = Asked(
        **{**asked, "profile": load_profile(asked["profile"])},
        people=None if people is None else read_attribute(Path(people)),
    )
    check_rule(found.rule, found.defect)
    if found.tolerance <= 0:
        raise SettingsError(f"--tolerance: expected a width above 0, got {found.tolerance:g}")
    if found.guard is not None and found.tolerance_low is None and found.tolerance_high is None:
        raise SettingsError("--guard needs a limit: --tolerance-low X or --tolerance-high X, or both")
    return found


def _of_table(
    gauge_file: str | None, attribute_file: str | None, asked: Any, options: dict[str, Any], as_json: bool
) -> int:
    """The study of a table without video; the exit code of its gates."""
    from vidrobust.cli.app import _given, _reporter
    from vidrobust.finished_runs.gate import hold_study
    from vidrobust.finished_runs.studies import attribute_of, gauge_of, passed_or_failed
    from vidrobust.pipeline.open import settings_of
    from vidrobust.repeatability.measurements import read_attribute, read_gauge

    out, config, _, quiet = (options.pop(name) for name in ("out", "config", "overwrite", "quiet"))
    settings, _ = settings_of((), config, _given(options))
    file = Path(str(gauge_file or attribute_file))
    table = (read_gauge if gauge_file else read_attribute)(file)
    found = (gauge_of if gauge_file else attribute_of)(table, asked)
    if out is not None:
        from vidrobust.report.repeatability_section import write_study

        page = Path(out) if out.endswith(".html") else Path(out) / "report.html"
        judged = table if gauge_file else passed_or_failed(table, asked)[0]
        click.echo(f"report: {write_study(page, plain(found), judged, file.name)}", err=True)
    _tell(found, as_json)
    return hold_study(found, settings.fail_if, _reporter(quiet), settings.junit, file.stem)


def _of_sources(target: Sequence[str], asked: Any, options: dict[str, Any], as_json: bool) -> int:
    """The studies of a run folder, or of sources whose stability is made first; the exit code."""
    from vidrobust.cli.app import _given, _may_be_footage, _reporter
    from vidrobust.finished_runs.find_passes import manifest_for
    from vidrobust.finished_runs.gate import enforce_gates
    from vidrobust.footage.expand import expand_sources
    from vidrobust.pipeline.build import build
    from vidrobust.pipeline.open import folder_of, opened_folder, opened_sources, settings_of
    from vidrobust.run_folder.folder import is_run_folder

    out, config, overwrite = (options.pop(name) for name in ("out", "config", "overwrite"))
    reporter, given = _reporter(options.pop("quiet")), _given(options)
    first = Path(target[0])
    if len(target) == 1 and is_run_folder(first):
        with opened_folder(first, given, reporter, out) as run:
            build(run, ("stability",) if set(given) - {"pictures", "fail_if", "junit"} else ())
            _tell(_studied(run, asked), as_json)
            return enforce_gates(run)
    if len(target) == 1 and not _may_be_footage(target[0]):
        raise InputError(f"{printable(target[0])}: is not a run folder, and there is no footage either")
    settings, named = settings_of(target, config, given)
    items = expand_sources(settings.sources).items
    if (file := manifest_for(settings, out or named, items, reporter)) is not None:
        out = str(folder_of(settings, out or named))
        settings = settings.changed({"sources": (str(file),)}, "passes")
    with opened_sources(settings, out or named, reporter, overwrite=overwrite) as run:
        build(run, ("stability",))
        _tell(_studied(run, asked), as_json)
        if run.failed:
            reporter.warn(f"{len(run.failed)} input(s) could not be read; the others are done")
        return enforce_gates(run) or (3 if run.failed else 0)


def _studied(run: Any, asked: Any) -> dict[str, Any]:
    from vidrobust.finished_runs.repeatability_of import repeatability_of
    from vidrobust.stages.report.page import write_report

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
    from vidrobust.cli.app import _given, _reporter
    from vidrobust.finished_runs.find_passes import passes_in, passes_told, write_passes
    from vidrobust.pipeline.open import settings_of

    file = Path(out)
    settings, _ = settings_of(sources, None, _given(options))
    found = passes_in(settings, _reporter(quiet), cycle=cycle, beside=file.parent)
    write_passes(found, file)
    if as_json:
        told = {"passes": found.rows.to_dict("records"), "left_out": list(found.left_out), "file": out}
        click.echo(json_text(told), nl=False)
    else:
        click.echo("\n".join([*passes_told(found), str(file)]))
    if found.rows.empty:
        raise InputError("no part was seen to cross the picture")


def register(group: click.Group) -> None:
    """Add these commands to the command line."""
    for command in (repeatability, passes):
        group.add_command(command)
