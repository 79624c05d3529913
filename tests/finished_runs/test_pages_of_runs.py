"""The reports of comparisons, as a user gets them: two rendered lines and the small classifier."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.pipeline.conftest import run
from tests.stages.report.conftest import Page
from vidrobust.finished_runs.compare_runs import compare_runs
from vidrobust.run_folder.folder import RunFolder

rendering = pytest.importorskip("vidrobust.plugins.line.render", reason="renders its footage")


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Runs of one part, two passes, two stations; the second under a lamp that sways and a camera that shakes."""
    base = tmp_path_factory.mktemp("lines")
    for name, dials in (("calm", ("speed=8",)), ("rough", ("speed=8", "light=0.6", "shake=6"))):
        rendering.render(
            rendering.RenderSettings(parts=1, passes=2, stations=2, seconds=0.2, dials=dials),
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
    assert (found["paired_by"], found["items"]) == ("part, pass and station", 4)
    assert found["metrics"]["total_variation"]["n"] == 4
    assert found["mcnemar_p"] is None
    page = Page((lines[1] / "comparison.html").read_text(encoding="utf-8"))
    assert page.balanced
    assert "4 items that both have seen, paired by part, pass and station" in page.text
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
        2,
        2,
    )


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
    assert {each["b"] for each in found["changed_labels"]} == {"bottle"}
    # right or wrong stands in another table
    assert found["both_right"] + found["both_wrong"] == len(table)
    text = page.read_text(encoding="utf-8")
    assert "McNemar" in text
    assert not (out / "comparison.html").exists()
