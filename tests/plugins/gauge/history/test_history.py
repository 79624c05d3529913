"""Runs added to a history and charted by the command line, from the tables of a made run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.finished_runs.test_exports import two_clips
from tests.pipeline.conftest import run
from tests.stages.report.conftest import Page
from vidrobust.plugins.gauge.history.runs import names_of, read_history
from vidrobust.run_folder.folder import RunFolder


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Runs of six weeks: alike, but for the jitter of net-a, which is five times as large in the last one."""
    base = tmp_path_factory.mktemp("line")
    first = two_clips(base / "week0").path
    folders = [first, *(Path(shutil.copytree(first, base / f"week{k}")) for k in range(1, 6))]
    for k, path in enumerate(folders):
        folder = RunFolder.existing(path)
        table = folder.table("stability")
        jitter = (table["metric"] == "jitter") & (table["model"] == "net-a")
        table.loc[jitter, "value"] *= 5.0 if k == 5 else 1.0 + 0.01 * k
        folder.write_table("stability", table)
    return folders


def test_runs_are_kept_and_the_one_that_is_out_is_named(
    weeks: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "line.parquet"
    of_file = ("history", "--history", str(file))
    assert run(*of_file, *map(str, weeks[:2]), "--baseline=2") == 3  # two are too few
    assert run(*of_file, *map(str, weeks[2:]), "--baseline=5", "--model=net-a") == 0
    assert "out since week5" in capsys.readouterr().out
    assert list(dict.fromkeys(read_history(file)["run"])) == [week.name for week in weeks]
    kept = json.loads((weeks[-1] / "history.json").read_text())
    assert kept["runs"] == 6
    assert {(c["metric"], c["chart"], c["out_since"]) for c in kept["charts"]} == {
        ("flip_rate", "p", None),
        ("jitter", "individuals", "week5"),
    }
    page = Page(file.with_suffix(".html").read_text(encoding="utf-8"))
    assert page.balanced
    assert "Out of control since week5" in page.text
    assert run(*of_file, "--limits=laney", "--metric=flip_rate", "--model=net-a", "--json") == 0
    (chart,) = json.loads(capsys.readouterr().out)
    assert chart["sigma_z"] is not None
    assert run(*of_file, "--metric", "nothing") == 2


def test_runs_of_one_name_keep_apart() -> None:
    folders = [
        RunFolder(Path("/a/jan/line")),
        RunFolder(Path("/a/feb/line")),
        RunFolder(Path("/a/mar")),
    ]
    assert names_of(folders) == ["jan/line", "feb/line", "mar"]
    assert names_of([RunFolder(Path("/a/mar")), RunFolder(Path("/a/mar"))]) == ["mar", "mar"]


def test_detectors_are_charted_by_their_own_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        (f"week{k}", f"2026-01-0{k + 1}", "net", metric, item, 0.1 + 0.01 * (k % 2), 0.0, 1.0, 100)
        for k in range(4)
        for metric in ("uncovered_rate", "vanished_rate", "dropout_rate", "center_jitter")
        for item in ("", "clip")
    ]
    columns = ["run", "recorded", "model", "metric", "item", "value", "low", "high", "n"]
    pd.DataFrame(rows, columns=columns).to_parquet(tmp_path / "h.parquet")
    assert run("history", "--history", str(tmp_path / "h.parquet"), "--json") == 0
    assert [chart["metric"] for chart in json.loads(capsys.readouterr().out)] == [
        "uncovered_rate",
        "vanished_rate",
        "center_jitter",
    ]
