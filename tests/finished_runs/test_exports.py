"""Exports of a run: read back by another reader, or by the format's own definition."""

import numpy as np
import pandas as pd
import pytest

from tests.stages.report import made_run
from vidrobust.errors import InputError, SettingsError
from vidrobust.finished_runs.exports.catalogue import export_run, format_of, names
from vidrobust.finished_runs.exports.markdown import escaped
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.by_clip import flips_of

FRAMES = 24


def two_clips(path):
    """Two clips and two classifiers; of the first clip there is a file."""
    folder = made_run.make(
        path, models=("net-a", "net-b"), frames=FRAMES, studied=1, perturbations=("brightness",),
        conclude=False, player=False,
    )  # fmt: skip
    clip = path.parent / "clip.mp4"
    clip.write_bytes(b"of a clip only the path is exported")
    first, *others = folder.run["inputs"]
    folder.update(inputs=[{**first, "path": str(clip)}, *others])
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return two_clips(tmp_path_factory.mktemp("run") / "line 3")


def test_the_help_names_every_format_and_each_says_what_it_is(printed):
    shown = printed(0, "export", "--help").out
    assert {"coco", "csv", "markdown", "mot"} <= set(names())
    for name in names():
        assert name in shown
        assert format_of(name).name == name
        assert format_of(name).what
        assert format_of(name).opened_by


def test_csv_holds_what_the_tables_hold(run, tmp_path):
    written, _ = export_run(run.path, "csv", tmp_path)
    metrics = pd.read_csv(tmp_path / "metrics.csv", keep_default_na=False, na_values=[""])
    kept = run.table("stability")
    np.testing.assert_allclose(metrics["value"], kept["value"])
    assert len(pd.read_csv(tmp_path / "flips.csv")) == len(flips_of(RunTables(run.path))) > 0
    assert any("boxes" in note for note in written.notes)


def test_coco_is_read_by_another_reader(run, tmp_path):
    coco = pytest.importorskip("faster_coco_eval").COCO
    export_run(run.path, "coco", tmp_path)
    read = coco(str(tmp_path / "net-a.json"))
    frames = run.table("frames").query("model == 'net-a'")
    assert len(read.imgs) == len(read.anns) == len(frames) == 2 * FRAMES
    row = frames.iloc[FRAMES + 3]
    name = f"{row['item']}/{row['frame']:06d}.jpg"
    image = next(i for i in read.imgs.values() if i["file_name"] == name)
    found = read.imgToAnns[image["id"]][0]
    assert read.cats[found["category_id"]]["name"] == row["label_name"]
    assert found["score"] == pytest.approx(row["probability"], abs=5e-5)
    assert found["bbox"] == [0, 0, 640, 360]


def test_markdown_says_the_answer_and_shows_no_marks(run, tmp_path):
    export_run(run.path, "markdown", tmp_path)
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "### net-b" in text
    assert "| net-a | label flips |" in text
    assert escaped('bolt <M6>\n* "|"') == 'bolt \\<M6\\> \\* "\\|"'


def test_a_gate_adds_to_the_summary_of_a_build(run, tmp_path, monkeypatch, printed):
    file = tmp_path / "step.md"
    file.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    gate = ("gate", run.path, "--fail-if", "flip_rate > 2")
    printed(1, *gate, "--fail-if", "flip_rate.high >= 0")
    text = file.read_text(encoding="utf-8")
    assert text.startswith("before\n## vidrobust gate, line 3: 2 of 4 rules not passed")
    assert text.count("✅ passed") == text.count("❌ failed") == 2
    printed(3, *gate, "--summary", tmp_path / "no" / "s.md")


def test_what_cannot_be_exported_is_said(run, tmp_path):
    with pytest.raises(SettingsError, match="--to pdf: expected one of clip, coco, csv"):
        export_run(run.path, "pdf", tmp_path)
    with pytest.raises(InputError, match="is not a run folder"):
        export_run(tmp_path, "csv")
    with pytest.raises(SettingsError, match="holds no boxes"):
        export_run(run.path, "mot", tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SettingsError, match="is a file"):
        export_run(run.path, "csv", file)


def test_excel_holds_the_tables_of_csv(tmp_path):
    """Read back by pandas; a clip named like a formula stays text."""
    folder = two_clips(tmp_path / "run")
    frames = folder.table("frames")
    folder.write_table("frames", frames.assign(label_name="=1+1"))
    written, _ = export_run(folder.path, "excel", tmp_path / "out")
    sheets = pd.read_excel(written.files[0], sheet_name=None)
    assert {"metrics", "frames", "flips"} <= set(sheets)
    assert len(sheets["frames"]) == len(frames)
    assert set(sheets["frames"]["label_name"]) == {"=1+1"}
