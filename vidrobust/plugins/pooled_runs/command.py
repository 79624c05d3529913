"""``vidrobust correlate`` on several runs, and by a published protocol."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import (
    GroupedCommand,
    all_but,
    given,
    print_json,
    print_result,
    refuse_idle,
    reporter,
)
from vidrobust.cli.studies import is_run, on_target, opened_target, options_of
from vidrobust.stages.catalogue import STAGES
from vidrobust.stages.correlate.stage import CORRELATE, CorrelationProtocol, protocols

OF_FILES = (
    "stability_file",
    "sensitivity_file",
    "confounders",
    "higher_is_better",
    "lower_is_better",
)
OF_CORRELATION = ("out", "as_json", "quiet", "across", "resamples", "seed")


@click.command(cls=GroupedCommand)
@click.argument("target", nargs=-1)
@click.option(
    "--across",
    multiple=True,
    type=click.Choice(["frames", "clips", "models", "parts", "classes", "runs"]),
    help="Correlate across these, of several runs or with --out; runs may be weeks.  [default: frames, clips, models]",
)
@click.option(
    "--stability", "stability_file", metavar="FILE", help="A stability table, CSV or Parquet."
)
@click.option(
    "--sensitivity", "sensitivity_file", metavar="FILE", help="The same of sensitivities."
)
@click.option(
    "--given",
    "confounders",
    multiple=True,
    metavar="METRIC",
    help="Of tables: hold it fixed.  [default: clean accuracy]",
)
@click.option(
    "--higher-is-better",
    multiple=True,
    metavar="METRIC",
    help="Of tables, where the name does not say.",
)
@click.option("--lower-is-better", multiple=True, metavar="METRIC", help="The same.")
@click.option(
    "--protocol",
    type=click.Choice(list(protocols())),
    help="Natural against synthetic robustness over the models of a run with labels.  [default: none]",
)
@click.option(
    "--published",
    is_flag=True,
    help="Correlate a published table of 189 ImageNet models instead: no footage is needed.",
)
@click.option(
    "--report",
    is_flag=True,
    help="Write correlation.html anew from the tables of a run, and compute nothing.",
)
@options_of(CORRELATE)
def correlate(
    target: tuple[str, ...],
    across: tuple[str, ...],
    protocol: str | None,
    published: bool,
    report: bool,
    **options: Any,
) -> None:
    """Find the perturbations that stand for what happens in the footage.

    TARGET is a run folder, several run folders (their models, clips and frames then count together, and --out says
    where the result goes), or sources. Without one, --stability and --sensitivity are tables from anywhere with the
    columns of a run's, correlated across their models. Each writes correlation.html, one file to send.
    """
    if report:
        _report(target, options)
        return
    if published:
        _published(target, options)
        return
    if target:
        refuse_idle(OF_FILES, "where a target is given")
    pooled = len(target) > 1 or (across and options["out"])
    if target and (protocol or not pooled or not all(map(is_run, target))):
        refuse_idle(("across",), "of one run without --out, or of sources")
        options = {name: value for name, value in options.items() if name not in OF_FILES}
        if protocol:
            _by_protocol(protocols()[protocol], target, options)
        else:
            on_target(target, CORRELATE, options)
        return
    how = {n: value for n, value in given(options).items() if n in ("resamples", "seed")}
    result = _pooled(target, across, options, how) if target else _of_files(across, options, how)
    if options["as_json"]:
        print_json(result)


def _report(target: tuple[str, ...], options: dict[str, Any]) -> None:
    """``correlate RUN --report``."""
    if len(target) != 1 or not is_run(target[0]):
        raise click.UsageError("--report works on one run folder that holds a correlation")
    refuse_idle(all_but("as_json", "quiet", "report"), "with --report")
    from vidrobust.run_folder.folder import RunFolder
    from vidrobust.stages.correlate.page import write_page

    folder = RunFolder.existing(Path(target[0]))
    if not len(folder.table("correlation")):
        raise click.UsageError(
            f"{target[0]} holds no correlation; make it with: vidrobust correlate {shlex.quote(target[0])}"
        )
    path = write_page(folder)
    print_result({"report": str(path)}, [str(path)], options["as_json"])


def _published(target: tuple[str, ...], options: dict[str, Any]) -> None:
    """``correlate --published``."""
    if target:
        raise click.UsageError(
            "--published takes no TARGET: it correlates a table that comes along"
        )
    refuse_idle(
        all_but("out", "as_json", "quiet", "resamples", "seed", "published"), "with --published"
    )
    from vidrobust.plugins.pooled_runs.published_models import correlate_published

    how = {n: value for n, value in given(options).items() if n in ("resamples", "seed")}
    out = Path(options["out"] or "reports/published")
    result = correlate_published(out, reporter=reporter(options["quiet"]), **how)
    if options["as_json"]:
        print_json(result)


def _pooled(
    runs: tuple[str, ...], across: tuple[str, ...], options: dict[str, Any], how: dict[str, Any]
) -> dict[str, Any]:
    if not options["out"]:
        raise click.UsageError(
            "give --out DIR: the correlation of several runs belongs to none of them"
        )
    refuse_idle(all_but(*OF_CORRELATION), "where several runs are given")
    from vidrobust.plugins.pooled_runs.runs import correlate_runs

    how |= {"across": across} if across else {}
    paths = [Path(run) for run in runs]
    return correlate_runs(paths, Path(options["out"]), reporter=reporter(options["quiet"]), **how)


def _of_files(
    across: tuple[str, ...], options: dict[str, Any], how: dict[str, Any]
) -> dict[str, Any]:
    paths = [options[name] for name in ("stability_file", "sensitivity_file", "out")]
    if not all(paths):
        raise click.UsageError(
            "give a TARGET, or --stability FILE, --sensitivity FILE and --out DIR"
        )
    if set(across) - {"models"}:
        raise click.UsageError("--across: tables from anywhere are correlated across models alone")
    refuse_idle(all_but(*OF_FILES, *OF_CORRELATION), "where tables are given")
    from vidrobust.plugins.pooled_runs.table_files import correlate_files
    from vidrobust.stages.correlate.from_summaries import MetricRoles

    higher = dict.fromkeys(options["higher_is_better"], True)
    roles = MetricRoles(
        confounders=options["confounders"],
        higher_is_better=higher | dict.fromkeys(options["lower_is_better"], False),
    )
    said = reporter(options["quiet"])
    return correlate_files(*map(Path, paths), roles=roles, reporter=said, **how)


def _by_protocol(
    protocol: CorrelationProtocol, target: tuple[str, ...], options: dict[str, Any]
) -> None:
    """``correlate RUN --protocol NAME``, or SOURCES: missing inputs of the protocol are made."""
    from vidrobust.run_folder.folder import RunFolder

    if not target or (len(target) > 1 and any(map(is_run, target))):
        raise click.UsageError(f"--protocol {protocol.name} works on one run folder, or on sources")
    chosen = given(options)
    folder = Path(target[0])
    if not is_run(target[0]) or any(
        not len(RunFolder.existing(folder).table(name)) for name in protocol.tables
    ):
        from vidrobust.pipeline.build import build

        with opened_target(
            target, {n: v for n, v in options.items() if n != "as_json"}, CORRELATE
        ) as run:
            build(run, STAGES, protocol.stages)
        folder = Path(run.path)
    result, lines = protocol.run(
        folder, **{name: chosen[name] for name in ("resamples", "seed") if name in chosen}
    )
    print_result(result, lines, options["as_json"])
