"""Times at which something is in the picture; stills in folders that say which part and pass they show."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from vidrobust.cli.app import main
from vidrobust.footage.expand import expand_sources
from vidrobust.footage.item import Item
from vidrobust.plugins.gauge.contact_sheet import active_stretches, named_by_folders


def items(base: Path, *names: str) -> list[Item]:
    found = []
    for name in names:
        (base / name).mkdir(parents=True)
        found.append(Item(name=name, path=base / name))
    return found


def test_folders_of_parts_and_passes_are_a_manifest(tmp_path: Path) -> None:
    found = named_by_folders(items(tmp_path, "cap/1", "cap/2", "lid/1", "lid/2"), tmp_path)
    assert found["part"].tolist() == ["cap", "cap", "lid", "lid"]
    assert found["pass"].tolist() == ["1", "2", "1", "2"]
    assert found["path"].tolist() == ["cap/1", "cap/2", "lid/1", "lid/2"]
    assert found["station"].tolist() == [""] * 4


def test_a_folder_above_them_is_the_station(tmp_path: Path) -> None:
    names = [
        f"{station}/{part}/{turn}"
        for station in ("n", "s")
        for part in ("a", "b")
        for turn in (1, 2)
    ]
    assert (
        named_by_folders(items(tmp_path, *names), tmp_path)["station"].tolist()
        == ["n"] * 4 + ["s"] * 4
    )


@pytest.mark.parametrize("names", [("a/1", "a/2"), ("day/x", "night/y"), ("a/1", "b/1")])
def test_other_folders_are_none(names: tuple[str, ...], tmp_path: Path) -> None:
    assert named_by_folders(items(tmp_path, *names), tmp_path).empty


def test_a_video_among_them_is_none(tmp_path: Path) -> None:
    found = items(tmp_path, "a/1", "a/2", "b/1", "b/2")
    assert named_by_folders([*found, Item(name="c", path=tmp_path / "c.mp4")], tmp_path).empty


def drawn(*visits: tuple[int, int], light: float = 0.0) -> np.ndarray:
    """(100, 60, 160) uint8: a still noisy scene, a bright square during each visit, and light that rises."""
    rng = np.random.default_rng(1)
    scene = rng.integers(60, 120, (60, 160))
    frames = []
    for k in range(100):
        frame = scene + rng.normal(0, 2, scene.shape) + light * k
        for first, last in visits:
            if first <= k <= last:
                frame[20:40, 40:70] = 220
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    return np.stack(frames)


@pytest.mark.parametrize("light", [0.0, 0.2])
def test_stretches_are_those_that_were_drawn(light: float) -> None:
    """A gap of 7 frames at 25 a second, 0.28 s, is bridged; one frame is too short."""
    time_s = np.arange(100) / 25
    found = active_stretches(drawn((10, 20), (27, 35), (60, 60), (70, 90), light=light), time_s)
    assert found == [(10, 35), (70, 90)]
    assert active_stretches(drawn(light=light), time_s) == []


def test_the_sheet_of_a_real_belt(public_clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "passes.csv"
    main(["contact-sheet", str(public_clips / "line-bottles.mp4"), "-o", str(out), "-q"])
    table = pd.read_csv(out)
    assert list(table) == ["path", "item", "part", "pass", "station", "label", "start_s", "end_s"]
    assert (table["start_s"] < table["end_s"]).all()
    assert (table["start_s"].to_numpy()[1:] > table["end_s"].to_numpy()[:-1]).all()
    assert table["part"].isna().all()
    sheet = cv2.imread(str(out.with_suffix(".jpg")))
    assert sheet.shape[1] == 5 * 202
    assert sheet.shape[0] % min(len(table), 40) == 0
    # with parts and passes named by hand it is a manifest of windows
    table.assign(part="a", **{"pass": range(1, len(table) + 1)}).to_csv(out, index=False)
    items = expand_sources([str(out)]).items
    assert [item.start_s for item in items] == table["start_s"].tolist()


def test_a_video_without_parts_is_sent_to_the_sheet(
    public_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = str(public_clips / "line-bottles.mp4")
    with pytest.raises(SystemExit) as ended:
        main(["repeatability", clip, "-m", "tests.fuzz.tiny:model", "-o", str(tmp_path / "run")])
    assert ended.value.code == 3
    assert "contact-sheet" in capsys.readouterr().err
