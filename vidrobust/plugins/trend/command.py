"""``vidrobust trend``: runs over time, as one page, one table and one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidrobust.cli.options import JSON, PATH, QUIET, print_result, reporter


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=PATH)
@click.option("--model", default="", metavar="NAME", help="Which model.  [default: of most runs]")
@click.option(
    "--dates",
    type=PATH,
    metavar="FILE",
    help="CSV with the columns run and date.  [default: the date in a run's name, else when it was made]",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N", help="Of the orders tried."
)
@click.option(
    "--out", "-o", type=PATH, metavar="DIR", help="Where to write.  [default: reports/trend]"
)
@JSON
@QUIET
def trend(
    runs: tuple[Path, ...],
    model: str,
    dates: Path | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Say since when a model is less stable, by how much and why, and from which rate on to look.

    RUN is a run folder, or a folder of run folders; six runs are the least. Writes trend.html and trend.xlsx. A run,
    such as a week, counts once: the spread between runs judges, not the number of frames.
    """
    from vidrobust.errors import SettingsError
    from vidrobust.finished_runs.exports.excel import save_workbook
    from vidrobust.plugins.trend.history import alarm_words, run_folders, table_of, trend_of
    from vidrobust.plugins.trend.page import write

    said, folder = reporter(quiet), out or Path("reports/trend")
    found = trend_of(run_folders(runs), model, dates, seed)
    folder.mkdir(parents=True, exist_ok=True)
    table = table_of(found)
    said.say(f"trend: {write(found, table, folder)}")
    try:
        said.say(f"trend: {save_workbook({'trend': table}, folder / 'trend.xlsx')}")
    except SettingsError as error:
        said.warn(str(error))
    change = found.change
    result: dict[str, Any] = {
        "model": found.model,
        "runs": table.to_dict("records"),
        "change": {
            "metric": found.metric.name,
            "since": found.since.isoformat() if found.since else None,
            **{name: getattr(change, name) for name in ("factor", "low", "high", "p", "verdict")},
            "cause": found.cause,
            "first_in": found.first_in,
        },
        "alarm": {"above": found.alarm, "said": alarm_words(found)},
        "said": found.sentence,
        "notes": list(found.notes),
    }
    print_result(result, [found.sentence, alarm_words(found), *found.notes], as_json)
