"""What is made of all units of a stage together: summaries and the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from vidrobust import tables
from vidrobust.account.keyframes import keyframe_tests
from vidrobust.account.naming import comes_back, named
from vidrobust.account.shares import summarise as summarise_account
from vidrobust.account.shares import summarise_by
from vidrobust.run.run import Run
from vidrobust.studies import stability as study
from vidrobust.studies.spread import spread_of
from vidrobust.studies.variation import summarise as summarise_variation
from vidrobust.tasks.catalogue import metrics_of, task_of

Facts = Mapping[str, Mapping[str, Any]]
"""What each unit noted, by the name of the unit."""


def stability(run: Run, facts: Facts) -> None:
    """The tables ``stability`` and ``stability_by``, of the models of every task."""
    summaries, by = [_floor_rows(facts)], [tables.empty("stability_by")]
    for task in dict.fromkeys(model.task for model in run.models):
        names = [model.name for model in run.models if model.task == task]
        raw = {name: run.table(name) for name in task_of(task).tables}
        mine = {name: table[table["model"].isin(names)] for name, table in raw.items()}
        metrics = metrics_of(task, run.settings.anchor_deltas)
        summaries.insert(0, study.summarise(mine, metrics))
        by.append(study.summarise_by_class(mine, metrics))
    run.folder.write_table("stability", pd.concat([s for s in summaries if len(s)], ignore_index=True))
    run.folder.write_table("stability_by", pd.concat(by, ignore_index=True))


def _floor_rows(facts: Facts) -> pd.DataFrame:
    """The noise floor as rows of the stability table, over all items: the largest difference, no interval."""
    floors: dict[str, list[Mapping[str, Any]]] = {}
    for name, fact in facts.items():
        if fact.get("noise_floor"):
            floors.setdefault(name.split("\x1f")[1], []).append(fact["noise_floor"])
    rows = []
    nan = float("nan")
    for model, of_model in floors.items():
        n = sum(int(floor["n"]) for floor in of_model)
        flips = sum(int(floor["flips"]) for floor in of_model)
        for metric, value in (
            ("noise_floor_total_variation", max(float(floor["total_variation"]) for floor in of_model)),
            ("noise_floor_label_flip", flips / n if n else nan),
        ):
            of = {"model": model, "item": "", "metric": metric, "value": value, "n": n}
            rows.append({**of, "low": nan, "high": nan, "cluster": "", "clusters": 0})
    return pd.DataFrame(rows)


def variation(run: Run, facts: Facts) -> None:
    """The tables ``variation`` and ``spread``, and what the meter counted, in run.json."""
    changes = run.table("changes")
    widths = {entry["item"]: int(entry["width"]) for entry in run.folder.run["inputs"]}
    run.folder.write_table("variation", summarise_variation(changes))
    run.folder.write_table("spread", spread_of(changes, widths))
    inputs = [
        {**entry, "variation": dict(facts.get(entry["item"], {}))} for entry in run.folder.run["inputs"]
    ]
    run.folder.update(inputs=inputs)


def causes(run: Run, facts: Facts) -> None:
    """The tables ``account``, ``account_by`` and ``named``."""
    rows = run.table("causes")
    account = summarise_account(rows, keyframes=_keyframe_tests(run))
    found = named(account).merge(comes_back(rows, run.settings.seed), on=["model", "cause"], how="left")
    run.folder.write_table("account", account)
    run.folder.write_table("account_by", summarise_by(rows))
    run.folder.write_table("named", found)


def _keyframe_tests(run: Run) -> dict[str, float]:
    """Per model, whether its change at keyframes is larger than chance; from all pairs of neighbours."""
    pairs = run.table_or_empty("pairs")
    near = pairs[pairs["kind"] == "adjacent"]
    links = run.table("links")[["item", "frame", "keyframe"]].rename(columns={"frame": "frame_b"})
    return keyframe_tests(near.merge(links, on=["item", "frame_b"], how="left"))


def report(run: Run) -> None:
    """The file ``report.html``."""
    from vidrobust.report.html import write_report

    path = write_report(run.path)
    run.reporter.say(f"report: {path}")
