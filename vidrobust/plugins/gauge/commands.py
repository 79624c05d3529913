"""The command repeatability, with its options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from vidrobust.cli import options as opt
from vidrobust.cli.options import (
    GroupedCommand,
    end,
    may_be_footage,
    options,
    print_result,
    refuse_idle,
)
from vidrobust.cli.options import given as typed
from vidrobust.cli.options import reporter as speaking
from vidrobust.errors import InputError, SettingsError
from vidrobust.files.json_text import plain
from vidrobust.run_folder.settings import all_declarations
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.stability.stage import STABILITY
from vidrobust.text.phrases import plural
from vidrobust.text.printable import printable

Option = Callable[[Any], Any]
DEFAULT_PROFILE = "aiag"


def _real(name: str, metavar: str, text: str) -> Option:
    return click.option(name, type=float, metavar=metavar, help=f"{text}  [default: none]")


def _choice(name: str, choices: str, text: str) -> Option:
    words = choices.split()
    return click.option(
        name, type=click.Choice(words), default=words[0], show_default=True, help=text
    )


TABLES = options(
    click.option("--gauge", metavar="CSV", help="A variables study: part, operator, trial, value."),
    click.option(
        "--attribute",
        metavar="CSV",
        help="An attribute study: the same, value a class [, reference]. With TARGET: what people said of its parts.",
    ),
    click.option(
        "--bias",
        metavar="CSV",
        help="Bias and linearity: part, value, reference; of one part a type 1 study, with --tolerance Cg and Cgk.",
    ),
    click.option(
        "--columns",
        metavar="ROLE=NAME,...",
        help="Columns of the table whose names do not say what they are.",
    ),
    _choice(
        "--case",
        "ask same distinct",
        "Names that differ by letter case, blanks, leading zeros or a trailing .0 alone.",
    ),
)
VARIABLES = options(
    _choice(
        "--design",
        "auto crossed nested",
        "nested: each operator had parts of its own, whatever their names.",
    ),
    click.option(
        "--factor",
        "factors",
        multiple=True,
        metavar="COLUMN",
        help="A further factor: station, day, ...  [default: none]",
    ),
    _real("--tolerance", "W", "Width of the tolerance, in the unit of the values, for %tolerance."),
    _real("--tolerance-low", "X", "Lower limit of the tolerance, in the unit of the values."),
    _real("--tolerance-high", "X", "Upper limit of the tolerance, in the unit of the values."),
    _real(
        "--process-sd",
        "SD",
        "Standard deviation of the process, in the unit of the values, for %process.",
    ),
    _choice("--width", "6 5.15 4", "Standard deviations that are the spread of the gauge."),
    click.option(
        "--pool-above",
        type=float,
        default=0.25,
        show_default=True,
        metavar="P",
        help="Pool the interaction above this p-value.",
    ),
)
CLASSES = options(
    click.option("--defect", metavar="CLASS[,CLASS]", help="The classes that are defects."),
    click.option("--pass-fail", is_flag=True, help="Only defect or not counts, not which class."),
    click.option(
        "--ordered",
        metavar="CLASS,CLASS,...",
        help="The classes from lowest to highest, for Kendall's W.",
    ),
    click.option(
        "--rule",
        default="majority",
        show_default=True,
        metavar="NAME",
        help="How frames become a verdict: majority, any-defect, mean, last, worst.",
    ),
)
BOXES = options(
    click.option(
        "--measure",
        metavar="NAME",
        help="Of a detector's boxes a gauge study of: width, height, size, x, y.  [default: the score]",
    ),
    click.option(
        "--mm-per-px",
        type=float,
        default=1.0,
        show_default=True,
        metavar="F",
        help="Millimetres a pixel.",
    ),
)
RESULT = options(
    click.option(
        "--profile",
        metavar="NAME|FILE",
        default=DEFAULT_PROFILE,
        show_default=True,
        help="Rules of acceptance, in TOML.",
    ),
    click.option(
        "--certificate",
        metavar="TOML",
        help="A page to sign; the file says part, characteristic, gauge, place, by whom.",
    ),
    click.option("--pdf", is_flag=True, help="The certificate as PDF too, printed by Chromium."),
    _choice("--paper", "A4 Letter", "Of the certificate."),
    click.option(
        "--export",
        metavar="FILE",
        help="The table as it was judged, a row a value, as CSV.",
    ),
)


EXPORTED = ("part", "operator", "trial", "value", "score", "reference")
# Options that are fields of what is asked, as they are.
ASKED = (
    *("rule", "pass_fail", "pool_above", "tolerance_low", "tolerance_high", "process_sd"),
    *("design", "factors", "measure", "mm_per_px"),
)


@click.command(cls=GroupedCommand)
@click.argument("target", nargs=-1)
@opt.options(
    *(TABLES, VARIABLES, CLASSES, BOXES, RESULT),
    opt.setting_options(STAGES.with_needs([STABILITY.name]), gated=True),
    opt.setting("pictures"),
    *(opt.JUNIT, opt.OUT, opt.CONFIG, opt.OVERWRITE, opt.JSON, opt.QUIET),
)
def repeatability(target: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Is it repeatable and reproducible: gauge R&R, attribute agreement, type 1, bias and linearity.

    TARGET is a manifest with part and pass (and --model), or a run folder on one; or give tables without video.
    The tolerance is that of the score (--defect), 0 to 1, or of the values of --gauge. --out is the run folder, or
    of tables the report: PAGE.html, or a folder for it.
    """
    _refuse_idle(target, options)
    gauge, attribute, bias = (options.pop(name) for name in ("gauge", "attribute", "bias"))
    if bool(target) + bool(gauge) + bool(bias) + bool(attribute and not target) != 1:
        raise click.UsageError(
            "give a manifest or run folder, or --gauge CSV, or --attribute CSV, or --bias CSV"
        )
    layout = {name: options.pop(name) for name in ("columns", "case")}
    result = {name: options.pop(name) for name in ("certificate", "pdf", "paper", "export")}
    if result["pdf"] and not result["certificate"]:
        raise click.UsageError("--pdf is of the certificate: give --certificate TOML too")
    if bias and result["certificate"]:
        raise click.UsageError("--certificate is of a gauge R&R or attribute study, not of --bias")
    asked = _asked(attribute if target else None, layout, options)
    if target:
        code = _of_sources(target, asked, options, as_json, result)
    else:
        files = {"gauge": gauge, "attribute": attribute, "bias": bias}
        ((kind, file),) = ((kind, file) for kind, file in files.items() if file)
        code = _of_table(kind, Path(file), asked, layout, options, as_json, result)
    if code:
        end(code)


def _refuse_idle(target: Sequence[str], options: dict[str, Any]) -> None:
    from vidrobust.run_folder.folder import is_run_folder

    if not target:
        of_table = {"fail_if", "junit"}
        idle = {item.name for item in all_declarations()} - of_table | {"model", "overwrite"}
        refuse_idle(idle, "of a table without video")
        return
    if not options["attribute"]:
        refuse_idle(("columns", "case"), "without a table")
    if len(target) == 1 and is_run_folder(Path(target[0])):
        refuse_idle(
            ("config", "overwrite"), "on a run folder, which keeps its sources and settings"
        )


def _tell(study: dict[str, Any], as_json: bool) -> None:
    from vidrobust.plugins.gauge.words import lines

    print_result(study, lines(study), as_json)


def _asked(people: str | None, layout: dict[str, Any], options: dict[str, Any]) -> Any:
    from vidrobust.plugins.gauge.acceptance import load_profile
    from vidrobust.plugins.gauge.measurements import parse_columns, read_attribute
    from vidrobust.plugins.gauge.studies import StudyRequest
    from vidrobust.plugins.gauge.verdicts import check_measure, check_rule

    layout["columns"] = parse_columns(layout["columns"])
    theirs = (
        None if people is None else read_attribute(Path(people), layout["columns"], layout["case"])
    )
    request = StudyRequest(
        **{name: options.pop(name) for name in ASKED},
        defect=tuple(_classes(options.pop("defect"))),
        ordered=tuple(_classes(options.pop("ordered"))),
        profile=load_profile(options.pop("profile")),
        tolerance_width=options.pop("tolerance"),
        width=float(options.pop("width")),
        people=None if theirs is None else theirs.rows,
    )
    check_rule(request.rule, request.defect)
    check_measure(request.measure, request.mm_per_px)
    if request.tolerance <= 0:
        raise SettingsError(f"--tolerance: expected a width above 0, got {request.tolerance:g}")
    if request.process_sd is not None and request.process_sd <= 0:
        raise SettingsError(f"--process-sd: expected a number above 0, got {request.process_sd:g}")
    return request


def _of_table(
    kind: str,
    path: Path,
    asked: Any,
    layout: dict[str, Any],
    options: dict[str, Any],
    as_json: bool,
    result: dict[str, Any],
) -> int:
    from vidrobust.finished_runs.gate import describe
    from vidrobust.pipeline.open import settings_of
    from vidrobust.plugins.gauge.figures import FIGURES, figures_of
    from vidrobust.plugins.gauge.studies import study_of_file
    from vidrobust.run_folder.gates import parse_gate, pass_figures

    taken = ("out", "config", "overwrite", "quiet", "junit")
    out, config, _, quiet, junit = (options.pop(name) for name in taken)
    settings, _ = settings_of((), config, typed(options))
    study, table = study_of_file(kind, path, asked, **layout)
    if out is not None:
        from vidrobust.plugins.gauge.report.repeatability_section import write_study

        page = Path(out) if out.endswith(".html") else Path(out) / "report.html"
        click.echo(f"report: {write_study(page, plain(study), table.rows, path.name)}", err=True)
    _write_results(study, table.rows, asked, result, out or "", [(path.name, table.sha256)])
    _tell(study, as_json)
    rules, why = [parse_gate(rule) for rule in settings.fail_if], "; ".join(study["notes"])
    passages = pass_figures(rules, FIGURES, figures_of(study), why=why)
    return describe(passages, speaking(quiet), junit, path.stem)


def _write_results(
    study: dict[str, Any],
    rows: Any,
    asked: Any,
    result: dict[str, Any],
    out: str,
    hashes: Sequence[tuple[str, str]],
) -> None:
    if result["export"]:
        from vidrobust.files.atomic import csv_text, write_text

        file = Path(result["export"])
        if file.suffix.lower() != ".csv":
            raise SettingsError(f"--export {file}: expected a name that ends with .csv")
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, csv_text(rows[[name for name in EXPORTED if name in rows]]))
        click.echo(f"export: {file}", err=True)
    if result["certificate"]:
        from vidrobust.plugins.gauge.certificate import write_certificate

        head = Path(result["certificate"])
        folder = Path(out).parent if out.endswith(".html") else Path(out) if out else head.parent
        page = folder / f"{head.stem}-certificate.html"
        made = {"hashes": hashes, "paper": result["paper"], "pdf": result["pdf"]}
        for path in write_certificate(page, head, study, rows, asked, **made):
            click.echo(f"certificate: {path}", err=True)


def _of_sources(
    target: Sequence[str],
    asked: Any,
    options: dict[str, Any],
    as_json: bool,
    result: dict[str, Any],
) -> int:
    from vidrobust.finished_runs.gate import enforce_gates
    from vidrobust.footage.expand import expand_sources
    from vidrobust.pipeline.build import build
    from vidrobust.pipeline.open import folder_of, opened_folder, opened_sources, settings_of
    from vidrobust.plugins.gauge.repeatability_of import manifest_for
    from vidrobust.run_folder.folder import is_run_folder

    out, config, overwrite, junit = (
        options.pop(n) for n in ("out", "config", "overwrite", "junit")
    )
    reporter, given = speaking(options.pop("quiet")), typed(options)
    first = Path(target[0])
    if len(target) == 1 and is_run_folder(first):
        with opened_folder(first, given, reporter, out) as run:
            build(run, STAGES, ("stability",) if set(given) - {"pictures", "fail_if"} else ())
            _tell(_studied(run, asked, result), as_json)
            return enforce_gates(run, junit)
    if len(target) == 1 and not may_be_footage(target[0]):
        raise InputError(
            f"{printable(target[0])}: is not a run folder, and there is no footage either"
        )
    settings, named = settings_of(target, config, given)
    items = expand_sources(settings.sources).items
    if (file := manifest_for(settings, out or named, items, reporter)) is not None:
        out = str(folder_of(settings, out or named))
        settings = settings.changed({"sources": (str(file),)}, "passes")
    with opened_sources(settings, out or named, reporter, overwrite=overwrite) as run:
        build(run, STAGES, ("stability",))
        _tell(_studied(run, asked, result), as_json)
        if run.failed:
            reporter.warn(
                f"{plural(len(run.failed), 'input')} could not be read; the others are done"
            )
        return enforce_gates(run, junit) or (3 if run.failed else 0)


def _studied(run: Any, asked: Any, result: dict[str, Any]) -> dict[str, Any]:
    import pandas as pd

    from vidrobust.plugins.gauge.certificate import hashes_of
    from vidrobust.plugins.gauge.repeatability_of import repeatability_of
    from vidrobust.stages.report.page import write_report

    study = repeatability_of(run, asked)
    run.reporter.say(f"report: {write_report(run.path)}")
    rows = pd.DataFrame(study["per_part"])
    _write_results(study, rows, asked, result, str(run.path), hashes_of(run.folder.run))
    return study


def _classes(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]
