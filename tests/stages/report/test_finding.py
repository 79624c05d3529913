"""The title of page one and the coarse account, from rows of a table."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from vidrobust.run_folder.folder import SCHEMA
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.report import why


@pytest.mark.parametrize(
    ("share", "low", "high", "said"),
    [
        (0.9, 0.8, 0.97, "things that move cause nine tenths of it"),
        (0.5, 0.3, 0.7, "things that move cause half of it"),
        (0.25, 0.1, 0.4, "things that move cause a quarter of it"),
        (0.5, 0.1, 0.95, "things that move contribute"),  # too wide for a fraction
        (0.5, 0.01, 0.9, ""),  # it may be nothing
    ],
)
def test_the_title_says_no_more_than_the_interval(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    share: float,
    low: float,
    high: float,
    said: str,
) -> None:
    rows = pd.DataFrame(
        {
            "model": "net",
            "item": "",
            "level": ["group", "group", "cause"],
            "cause": ["light", "moving", "objects"],
            "share": [1 - share if share > 0.5 else 0.2, share, 0.9],
            "low": [0.0, low, 0.8],
            "high": [0.5, high, 1.0],
            "n": 40,
        }
    )
    text = json.dumps({"schema": SCHEMA, "models": [{"name": "net", "task": "classification"}]})
    (tmp_path / "run.json").write_text(text)
    run = RunTables(tmp_path)
    monkeypatch.setattr(run, "table", {"account": rows}.get)
    monkeypatch.setattr(type(run), "tasks", {"net": SimpleNamespace(accounts={"": "the change"})})
    assert why.clause(run, "net") == said
    assert list(why.groups(run, "net")["cause"]) == ["moving", "light"]
