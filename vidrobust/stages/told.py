"""What each command prints with --json: its own result, as plain values."""

from __future__ import annotations

from typing import Any

import pandas as pd

from vidrobust.files.json_text import plain
from vidrobust.pipeline.run import Run


def study(run: Run) -> Any:
    """The headline figures of every stage."""
    return run.folder.read_json("metrics.json")


def stability(run: Run) -> Any:
    """The headline figures."""
    return run.folder.read_json("metrics.json")


def variation(run: Run) -> Any:
    """The rows of the variation table."""
    return _rows(run.table("variation"))


def sensitivity(run: Run) -> Any:
    """The mean of every difference, by model, perturbation and strength."""
    table = run.table("sensitivity")
    by = ["model", "perturbation", "strength", "metric"]
    found = table.groupby(by, sort=False)["value"].agg(value="mean", n="size").reset_index()
    return _rows(found)


def causes(run: Run) -> Any:
    """The rows of the account."""
    return _rows(run.table("account"))


def correlate(run: Run) -> Any:
    """What the correlation study says."""
    return run.folder.read_json("correlation.json")


def policy(run: Run) -> Any:
    """The policy of the first model."""
    return run.folder.read_json("policy.json")


def boxes(run: Run) -> Any:
    """The curve over thresholds, and the worst moments."""
    return {"curve": _rows(run.table("box_curve")), **run.folder.read_json("box_moments.json")}


def report(run: Run) -> Any:
    """Where the report is."""
    return {"report": str(run.path / "report.html")}


def _rows(table: pd.DataFrame) -> Any:
    return plain(table.to_dict("records"))
