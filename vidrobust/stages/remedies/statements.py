"""What the answer says of remedies that need no training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.catalogue import CATALOGUE
from vidrobust.stages.causes.section import named_causes, whole
from vidrobust.stages.remedies.box_rows import ONE_THRESHOLD
from vidrobust.stages.remedies.catalogue import WHY, events, held_out, kind_of, recommended, title
from vidrobust.stages.remedies.inputs import input_stages
from vidrobust.stages.remedies.section import FILE, headline, sorted_by_effort
from vidrobust.statement import Level, Question, Statement, figures_of
from vidrobust.statistics.levels import FEWEST_ROWS
from vidrobust.statistics.ratios import RatioVerdict
from vidrobust.text.numbers import known, part_with_interval, percent_with_interval
from vidrobust.text.phrases import capital, plural

LEAST_SHARE = 0.05  # a cause with a smaller share is not worth a hint


def statements(run: RunTables) -> Iterator[Statement]:
    """The statements of every model: first the rules, then the station."""
    table, summaries = run.table("remedies"), run.json(FILE).get("models", {})
    for model in run.tasks:
        summary = summaries.get(model)
        if table is None or summary is None:
            command = f"vidrobust remedies {run.folder_name}"
            text = "Not measured: no rule has been tried on this footage."
            level, kind = Level.NOT_MEASURED, "rule_not_run"
            yield _of(model, Question.RULE, text, level, kind, command=command, is_open=True)
        else:
            mine = table[(table["model"] == model) & (table["metric"] == headline(run, model))]
            yield from _rules(run, model, mine, summary)
            for stage in input_stages():
                yield from stage.statements(model, mine)
        tried = table is not None and bool(
            (table["kind"][table["model"] == model] == "input").any()
        )
        yield from _hints(run, model, tried=tried)


def _of(
    model: str,
    question: Question,
    text: str,
    level: Level,
    kind: str,
    row: Mapping[str, Any] | None = None,
    **more: Any,
) -> Statement:
    figures = {} if row is None else figures_of(row, "ratio")
    return Statement(question, text, level, kind, model, **{**figures, **more})


def _rules(
    run: RunTables, model: str, mine: pd.DataFrame, summary: Mapping[str, Any]
) -> Iterator[Statement]:
    n = int(mine["n"].max()) if len(mine) else 0
    what = events(headline(run, model))
    if n < FEWEST_ROWS:
        of = plural(n, "frame or pair", "frames or pairs")
        text = f"Not enough data to choose a rule: {of}, {FEWEST_ROWS} needed."
        yield _of(model, Question.RULE, text, Level.NOT_MEASURED, "rule_few", n=n, is_open=True)
        return
    # two thresholds are compared with one threshold, not with the model as it is
    if not (mine["before"][mine["remedy"] != ONE_THRESHOLD] > 0).any():
        text = f"No rule could be tried: no {what} were seen in {n} frames or pairs."
        yield _of(model, Question.RULE, text, Level.MEASURED, "rule_not_needed", n=n)
        return
    yield _rule(run, model, summary, what)
    yield from _other(model, mine, summary, what)


def _rule(run: RunTables, model: str, summary: Mapping[str, Any], what: str) -> Statement:
    metric = headline(run, model)
    limit, rule, held = f"{summary['max_delay_ms']:g} ms", summary["rule"], summary["held_out"]
    if not rule:
        text = f"No rule that reports within {limit} reduces the {what}."
        return _of(model, Question.RULE, text, Level.NO_EFFECT, "rule_none")
    if not held["n"] or not known(held["ratio"]):
        why = WHY.get(str(summary.get("why", "")), "too little footage")
        text = f"Not enough data: {why}."
        return _of(model, Question.RULE, text, Level.NOT_MEASURED, "rule_no_held_out", is_open=True)
    figure = held_out(summary, metric)
    if recommended(summary):
        text = f"Use {rule} ({title(rule)}), which reports within {limit}: {figure}."
        export = f"vidrobust remedies {run.folder_name} --rule {rule} --export rule.py"
        command = export if len(run.tasks) == 1 else ""
        return _of(model, Question.RULE, text, Level.TRIED, "rule_tried", held, command=command)
    if summary["verdict"] == RatioVerdict.NO_DIFFERENCE:
        text = f"No effect seen of the best rule within {limit}, {rule} ({title(rule)}): {figure}."
        return _of(model, Question.RULE, text, Level.NO_EFFECT, "rule_no_effect", held)
    best = f"The best within {limit} is {rule} ({title(rule)})"
    why = WHY.get(str(summary.get("why", "")), "")
    text = f"Undecided; more footage would help. {best}: {figure}{f'; {why}' if why else ''}."
    return _of(model, Question.RULE, text, Level.MEASURED, "rule_open", held, is_open=True)


def _other(
    model: str, mine: pd.DataFrame, summary: Mapping[str, Any], what: str
) -> Iterator[Statement]:
    helps = mine[
        (mine["verdict"] == RatioVerdict.HELPS) & (mine["kind"] != "input") & mine["ratio"].notna()
    ]
    helps = helps[helps["remedy"].map(kind_of) != kind_of(str(summary["rule"]))]
    for row in sorted_by_effort(helps, float(summary["max_delay_ms"])).head(1).to_dict("records"):
        left = percent_with_interval(row["ratio"], row["low"], row["high"])
        text = f"{capital(title(str(row['remedy'])))}: {left} of the {what} remain."
        yield _of(model, Question.RULE, text, Level.TRIED, "remedy_tried", row)


def _hints(run: RunTables, model: str, *, tried: bool) -> Iterator[Statement]:
    if any(each.name == model and each.is_recorded for each in run.record.models):
        return
    replayed_without = {cause for stage in input_stages() for cause in stage.without}
    for prefix, of in run.tasks[model].accounts.items():
        account, named = whole(run, model, f"{prefix}account"), named_causes(run, model, prefix)
        sure = account[account["cause"].isin(named)]
        sure = sure[(sure["share"] >= LEAST_SHARE) & (sure["n"] >= FEWEST_ROWS)]
        for row in sure.sort_values("share", ascending=False, kind="stable").to_dict("records"):
            cause, can_replay = CATALOGUE[row["cause"]], row["cause"] in replayed_without
            if not cause.hint or (tried and can_replay):
                continue
            accounts = capital(cause.which("account"))
            explained = part_with_interval(row["share"], row["low"], row["high"])
            text = f"Worth trying: {cause.hint}. {accounts} for {explained} of {of}."
            figures = {"ratio": row["share"], "low": row["low"], "high": row["high"], "n": row["n"]}
            more = {"command": f"vidrobust remedies {run.folder_name} --all"} if can_replay else {}
            level, kind = Level.SUGGESTED, "station_hint"
            yield _of(model, Question.STATION, text, level, kind, figures, is_open=True, **more)
