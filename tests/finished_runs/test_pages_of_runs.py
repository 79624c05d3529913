"""The reports of comparisons and histories, as a user gets them: two rendered lines and the small classifier."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.pipeline.conftest import run
from tests.stages.report.conftest import Page
from vidrobust.finished_runs.compare_runs import compare_runs
from vidrobust.finished_runs.history import names_of, read_history
from vidrobust.run_folder.folder import RunFolder

rendering = pytest.importorskip("vidrobust.plugins.line.render", reason="renders its footage")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Runs of two parts, two passes, two stations; the second under a lamp that sways and a camera that shakes."""
    base = tmp_path_factory.mktemp("lines")
    for name, dials in (("calm", ("speed=8",)), ("rough", ("speed=8", "light=0.6", "shake=6"))):
        rendering.render(
            rendering.RenderSettings(parts=2, passes=2, stations=2, seconds=0.35, dials=dials),
            base / f"{name}-src",
        )
        command = ("stability", str(base / f"{name}-src/manifest.csv"), "--model=line-classifier")
        assert run(*command, f"--out={base / name}", "--quiet") == 0
    return base / "calm", base / "rough"


def test_other_footage_is_paired_station_by_station_and_reported_on_a_page(
    lines: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("compare", *map(str, lines), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["paired_by"], found["items"]) == ("part, pass and station", 8)
    assert found["metrics"]["total_variation"]["n"] == 8
    assert found["mcnemar_p"] is None
    page = Page((lines[1] / "comparison.html").read_text(encoding="utf-8"))
    assert page.balanced
    assert "8 items that both have seen, paired by part, pass and station" in page.text
    for verdict in {each["verdict"] for each in found["metrics"].values()}:
        assert verdict in page.sections["verdicts"]
    assert "frames" not in page.sections
    # without stations a pass is the mean of what all stations saw of it
    folders = [shutil.copytree(path, tmp_path / path.name) for path in lines]
    for path in folders:
        folder = RunFolder.existing(path)
        folder.update(inputs=[{**entry, "station": ""} for entry in folder.run["inputs"]])
    merged = compare_runs(*(RunFolder.existing(path) for path in folders))
    assert (merged["paired_by"], merged["items"], merged["metrics"]["jitter"]["n"]) == (
        "part and pass",
        4,
        4,
    )
    stations = found["by_item"]["items"]
    assert len(stations) == 8
    assert len(merged["by_item"]["items"]) == 4


def test_two_models_of_a_run_are_compared_frame_by_frame(
    lines: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "run", tmp_path / "page.html"
    again = tmp_path / "again"
    shutil.copytree(lines[0], again)
    table = RunFolder.existing(again).table("frames")
    other = table["label_name"].where(table.index % 5 != 0, "bottle")
    RunFolder.existing(again).write_table("frames", table.assign(label_name=other))
    assert run("compare", str(lines[0]), str(again), "--json", f"--out={page}") == 0
    found = json.loads(capsys.readouterr().out)
    changed = table["label_name"] != other
    assert found["churn"]["value"] == pytest.approx(changed.mean())
    assert sum(each["frames"] for each in found["changed_labels"]) == changed.sum()
    assert {each["b"] for each in found["changed_frames"]} == {"bottle"}
    assert found["both_right"] + found["both_wrong"] == len(
        table
    )  # right or wrong stands in another table
    text = page.read_text(encoding="utf-8")
    assert "data:image/jpeg" in text
    assert "McNemar" in text
    assert not (out / "comparison.html").exists()
    assert run("compare", str(lines[0]), str(again), f"--out={page}", "--no-pictures") == 0
    assert "data:image/jpeg" not in page.read_text(encoding="utf-8")
    capsys.readouterr()


def test_a_run_is_added_to_its_history_and_its_report_shows_the_charts(
    lines: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "line.parquet"
    weeks = [Path(shutil.copytree(lines[0], tmp_path / f"week{k}")) for k in range(5)]
    weeks.append(Path(shutil.copytree(lines[1], tmp_path / "week5")))
    for week in weeks:
        assert run("stability", str(week), "--history", str(file), "-q") == 0
    assert run("report", str(weeks[-1]), "-q") == 0
    assert list(dict.fromkeys(read_history(file)["run"])) == [week.name for week in weeks]
    few = json.loads((weeks[1] / "history.json").read_text())
    assert (few["runs"], few["charts"]) == (2, [])
    summary = json.loads((weeks[-1] / "history.json").read_text())
    assert (summary["runs"], {chart["chart"] for chart in summary["charts"]}) == (
        6,
        {"p", "individuals"},
    )
    page = Page((weeks[-1] / "details.html").read_text(encoding="utf-8"))
    assert page.balanced
    assert "label flips of line-classifier" in page.sections["history"]
    # jitter is the same five times over, and then it is not
    assert run("history", "--history", str(file), "--baseline=5", "--metric=jitter") == 0
    assert "out since week5" in capsys.readouterr().out
    assert "Out of control since week5" in file.with_suffix(".html").read_text(encoding="utf-8")
    assert (
        run("history", "--history", str(file), "--limits=laney", "--metric=flip_rate", "--json")
        == 0
    )
    (chart,) = json.loads(capsys.readouterr().out)
    assert chart["sigma_z"] is not None


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
