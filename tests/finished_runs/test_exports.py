"""Exports of a run: read back by another reader, or by the format's own definition."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.stages.report import made_run
from vidrobust.cli.app import main
from vidrobust.errors import InputError, SettingsError
from vidrobust.finished_runs.exports.catalogue import export_run, format_of
from vidrobust.finished_runs.exports.formats.markdown import escaped
from vidrobust.finished_runs.exports.formats.tensorboard import crc32c, events
from vidrobust.finished_runs.exports.names import NAMES
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.by_clip import flips_of

FRAMES = 24


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Two clips and two classifiers; of the first clip there is a file."""
    path = tmp_path_factory.mktemp("run") / "line 3"
    folder = made_run.make(
        path, models=("net-a", "net-b"), frames=FRAMES, studied=1, perturbations=("brightness",),
        conclude=False, player=False,
    )  # fmt: skip
    clip = path.parent / "clip.mp4"
    clip.write_bytes(b"of a clip only the path is exported")
    folder.update(
        inputs=[{**entry, "path": str(clip)} for entry in folder.run["inputs"][:1]] + folder.run["inputs"][1:]
    )
    return folder


def test_the_help_names_every_format_and_each_says_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    main(["export", "--help"])
    shown = capsys.readouterr().out
    for name in NAMES:
        assert name in shown
        assert format_of(name).what
        assert format_of(name).opened_by


def test_csv_holds_what_the_tables_hold(run: RunFolder, tmp_path: Path) -> None:
    written, _ = export_run(run.path, "csv", tmp_path)
    metrics = pd.read_csv(tmp_path / "metrics.csv", keep_default_na=False, na_values=[""])
    kept = run.table("stability")
    np.testing.assert_allclose(metrics["value"], kept["value"])
    assert len(pd.read_csv(tmp_path / "flips.csv")) == len(flips_of(RunTables(run.path))) > 0
    assert any("boxes" in note for note in written.notes)


def test_coco_is_read_by_another_reader(run: RunFolder, tmp_path: Path) -> None:
    coco = pytest.importorskip("faster_coco_eval").COCO
    export_run(run.path, "coco", tmp_path)
    read = coco(str(tmp_path / "net-a.json"))
    frames = run.table("frames").query("model == 'net-a'")
    assert len(read.imgs) == len(read.anns) == len(frames) == 2 * FRAMES
    row = frames.iloc[FRAMES + 3]
    image = next(i for i in read.imgs.values() if (i["item"], i["frame"]) == (row["item"], row["frame"]))
    found = read.imgToAnns[image["id"]][0]
    assert read.cats[found["category_id"]]["name"] == row["label_name"]
    assert (found["score"], found["bbox"]) == (row["probability"], [0, 0, 640, 360])


def test_fiftyone_gets_every_frame_counted_from_one(run: RunFolder, tmp_path: Path) -> None:
    written, opened = export_run(run.path, "fiftyone", tmp_path)
    (labels,) = (tmp_path / "labels").iterdir()
    (link,) = (tmp_path / "data").iterdir()
    assert link.stem == labels.stem
    assert link.resolve().is_file()
    assert "left out" in written.notes[0]
    assert str(tmp_path) in opened
    frames = json.loads(labels.read_text())["frames"]
    assert list(frames) == [str(n) for n in range(1, FRAMES + 1)]
    name = str(run.run["inputs"][0]["item"])
    frames_of = run.table("frames")
    kept = frames_of[frames_of["item"] == name].set_index(["model", "frame"])
    flips = flips_of(RunTables(run.path))
    flips = flips[flips["item"] == name]
    said = [a for f in frames.values() for a in f["attrs"]["attrs"]]
    assert sum(a["value"] is True for a in said) == len(flips)
    for number, frame in frames.items():
        named = {a["name"]: a for a in frame["attrs"]["attrs"]}
        assert frame["frame_number"] == int(number)
        assert named["net-b"]["value"] == kept.loc[("net-b", int(number) - 1), "label_name"]
    flip = flips.iloc[0]
    names = [a["name"] for a in frames[str(flip["frame_b"] + 1)]["attrs"]["attrs"]]
    assert f"{flip['model']} flips" in names


def test_mlflow_finds_a_run_a_model(run: RunFolder, tmp_path: Path) -> None:
    """The layout is that which mlflow 3.17 has read: a run a folder, a file a metric."""
    export_run(run.path, "mlflow", tmp_path)
    once = sorted(tmp_path.rglob("*"))
    export_run(run.path, "mlflow", tmp_path)
    assert sorted(tmp_path.rglob("*")) == once
    (experiment,) = (p for p in (tmp_path / "mlruns").iterdir() if p.name != ".trash")
    runs = [p for p in experiment.iterdir() if p.is_dir()]
    assert len(runs) == 2
    metrics = json.loads((run.path / "metrics.json").read_text())["models"]
    for folder in runs:
        about = dict(
            line.split(": ", 1) for line in (folder / "meta.yaml").read_text().splitlines() if ": " in line
        )
        assert json.loads(about["run_id"]) == folder.name
        assert json.loads(about["experiment_id"]) == experiment.name
        model = (folder / "params" / "model").read_text()
        _, value, step = (folder / "metrics" / "flip_rate").read_text().split()
        assert (float(value), step) == (metrics[model]["flip_rate"]["value"], "0")


def test_the_checksum_is_that_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720 and every table of checks
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def scalars(data: bytes) -> list[tuple[int, float, str, float]]:
    """The scalars of an event file, read by the definition of its records and messages."""
    found, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        for start, size in ((at, 8), (at + 12, length)):
            (checksum,) = struct.unpack_from("<I", data, start + size)
            crc = crc32c(data[start : start + size])
            assert checksum == (((crc >> 15) | (crc << 17 & 0xFFFFFFFF)) + 0xA282EAD8) % 2**32
        event = _message(data[at + 12 : at + 12 + length])
        if 5 in event:
            value = _message(_message(event[5])[1])
            number = struct.unpack("<f", value[2])[0]
            found.append((event[2], struct.unpack("<d", event[1])[0], value[1].decode(), number))
        at += 16 + length
    return found


def _message(data: bytes) -> dict[int, Any]:
    """Fields of a protobuf message by number (the wire format of protobuf.dev/programming-guides/encoding)."""
    found: dict[int, Any] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            found[key >> 3] = varint()
            continue
        size = {1: 8, 5: 4}[key & 7] if key & 7 != 2 else varint()
        found[key >> 3] = data[at : at + size]
        at += size
    return found


def test_tensorboard_gets_every_frame_at_its_number(run: RunFolder, tmp_path: Path) -> None:
    export_run(run.path, "tensorboard", tmp_path)
    found = scalars((tmp_path / "net-b" / "events.out.tfevents.0000000000.vidrobust").read_bytes())
    frames = run.table("frames").query("model == 'net-b'")
    top = [row for row in found if row[2].endswith("/top probability")]
    assert [row[0] for row in top] == frames["frame"].tolist()
    np.testing.assert_allclose([row[3] for row in top], frames["probability"], rtol=1e-6)
    (rate,) = (row[3] for row in found if row[2] == "metrics/flip_rate")
    metrics = json.loads((run.path / "metrics.json").read_text())["models"]["net-b"]
    assert rate == pytest.approx(metrics["flip_rate"]["value"], rel=1e-6)


def test_large_steps_and_long_names_survive() -> None:
    wanted = [(300, 1.5, "x" * 200, 0.25), (2**40, 0.0, "ä", -1.0)]
    assert scalars(events([*wanted, (1, 0.0, "no number", float("nan"))])) == wanted


def test_markdown_says_the_answer_and_shows_no_marks(run: RunFolder, tmp_path: Path) -> None:
    export_run(run.path, "markdown", tmp_path)
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "### net-b: " in text
    assert "| net-a | label flips |" in text
    assert escaped('bolt <M6>\n* "|"') == 'bolt \\<M6\\> \\* "\\|"'


def test_a_gate_adds_to_the_summary_of_a_build(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "step.md"
    file.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    with pytest.raises(SystemExit) as ended:
        main(["gate", str(run.path), "--fail-if", "flip_rate > 2", "--fail-if", "flip_rate.high >= 0"])
    assert ended.value.code == 1
    text = file.read_text(encoding="utf-8")
    assert text.startswith("before\n## vidrobust gate, line 3: 2 of 4 rules not passed")
    assert text.count("✅ passed") == text.count("❌ failed") == 2
    with pytest.raises(SystemExit) as ended:
        main(
            ["gate", str(run.path), "--fail-if", "flip_rate > 2", "--summary", str(tmp_path / "no" / "s.md")]
        )
    assert ended.value.code == 3


def test_what_cannot_be_exported_is_said(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--to pdf: expected one of coco, csv"):
        export_run(run.path, "pdf", tmp_path)
    with pytest.raises(InputError, match="is not a run folder"):
        export_run(tmp_path, "csv")
    with pytest.raises(SettingsError, match="holds no boxes"):
        export_run(run.path, "mot", tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(SettingsError, match="is a file"):
        export_run(run.path, "csv", file)
