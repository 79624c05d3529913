"""The data set that is written: its contract, its boxes, and that a seed gives it again."""

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from datasets.line_sim.render import main
from vidrobust.errors import SettingsError
from vidrobust.plugins.line.dials import FRAME_RATE, station_settings
from vidrobust.plugins.line.parts import BOXES, LABELS
from vidrobust.plugins.line.render import ClipPlan, RenderSettings, coding, encode, render, stage
from vidrobust.plugins.line.scene import make_part, make_scene

CONTRACT = ["path", "part", "pass", "station", "label", "start_s", "end_s"]
SMALL = RenderSettings(parts=2, passes=1, stations=2, seconds=0.3, seed=4, dials=("2:light=0.2",))


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    folder = tmp_path_factory.mktemp("line")
    render(SMALL, folder)
    return folder


def decoded(path):
    """(N, H, W, 3) RGB by FFmpeg through PyAV, told that levels are BT.601."""
    with av.open(str(path)) as container:
        shown = container.decode(video=0)
        frames = [f.reformat(format="rgb24", src_colorspace="ITU601") for f in shown]
        return np.stack([frame.to_ndarray() for frame in frames])


def test_manifest_and_clips_hold_the_contract(line):
    manifest = pd.read_csv(line / "manifest.csv")
    assert set(CONTRACT) <= set(manifest.columns)
    assert len(manifest) == 4
    assert set(manifest["label"]) <= set(LABELS)
    assert manifest.groupby("part")["label"].nunique().max() == 1
    for row in manifest.itertuples():
        frames = decoded(line / row.path)
        assert frames.shape == (9, 480, 640, 3)
        assert 0 <= row.start_s < row.end_s <= len(frames) / FRAME_RATE + 1e-9


def test_truth_has_a_row_a_frame_with_dials_and_boxes(line):
    truth, manifest = pd.read_parquet(line / "truth.parquet"), pd.read_csv(line / "manifest.csv")
    assert truth.groupby("item").size().to_dict() == dict.fromkeys(manifest["item"], 9)
    assert truth.loc[truth["station"] == "station-1", "light"].eq(0).all()
    assert truth.loc[truth["station"] == "station-2", "light"].abs().max() > 0.05
    expected = np.where(truth["station"] == "station-2", 0.2, 0.0)
    assert truth["dial_light"].tolist() == expected.tolist()
    for row in truth.itertuples():
        assert len(row.boxes) == len(row.box_labels) == len(row.box_parts) >= 1
        assert set(row.box_labels) <= set(BOXES)
        for x1, y1, x2, y2 in row.boxes:
            assert 0 <= x1 < x2 <= 640
            assert 0 <= y1 < y2 <= 480
    defective = truth[truth["label"].str.endswith("-defect")]
    assert all("defect" in labels for labels in defective["box_labels"])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(line, tmp_path):
    render(SMALL, tmp_path / "again")
    for name in ("manifest.csv", "truth.parquet", "clips/part-02_pass-1_station-1.mp4"):
        assert (tmp_path / "again" / name).read_bytes() == (line / name).read_bytes()
    other = RenderSettings(parts=1, seconds=0.2, seed=5)
    render(other, tmp_path / "other")
    first = decoded(tmp_path / "other" / "clips" / "part-01_pass-1_station-1.mp4")[0]
    plain = decoded(line / "clips" / "part-01_pass-1_station-1.mp4")[0]
    assert np.abs(first.astype(int) - plain).mean() > 1


def test_a_part_is_the_same_in_every_pass_and_kinds_and_defects_take_turns():
    first, again = (make_part("part-01", 0, [4, 11]) for _ in range(2))
    np.testing.assert_array_equal(first.surface.albedo, again.surface.albedo)
    parts = [make_part(f"part-{n + 1:02d}", n, [4, 11]) for n in range(8)]
    assert [part.kind.name for part in parts[:4]] == ["bolt", "cap", "bottle", "board"]
    assert sorted(part.label for part in parts) == sorted(LABELS[1:])


@pytest.mark.parametrize("part", [1, 2, 4])
def test_the_box_is_where_the_part_changed_the_picture(part):
    """The same clip with and without its part; what got brighter is the part, for its shadow is dark."""
    settings = station_settings(["shake=3", "speed=3"], 1)[0]
    plan = ClipPlan(part=part, pass_=1, station=1, frames=9, seed=21, settings=settings)
    clip = stage(plan)
    empty = make_scene(None, plan.travel_px, settings, [21, 13, 1], [21, 12, part, 1, 1])
    seeds = ([21, 13, 1, 1], [21, 12, part, 1, 1])
    without = type(clip.camera)(empty, clip.courses, plan.travel_px, *seeds)
    truth = clip.truth()
    for number in (0, 4, 8):
        cameras = (clip.camera, without)
        with_part, belt = (camera.frame(number).astype(np.int16) for camera in cameras)
        changed = (np.abs(with_part - belt).max(axis=2) > 4).astype(np.uint8)
        brighter = ((with_part - belt).max(axis=2) > 14).astype(np.uint8)
        x1, y1, x2, y2 = truth[number]["boxes"][0]
        columns, rows = (np.flatnonzero(brighter.any(axis=axis)) for axis in (0, 1))
        found = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        np.testing.assert_allclose(found, (x1, y1, x2, y2), atol=3.0)
        inside = changed[int(y1) : int(y2) + 1, int(x1) : int(x2) + 1].sum()
        assert inside / changed.sum() > 0.7  # the rest is shadow


def test_the_box_of_a_defect_is_where_it_changed_the_part():
    from dataclasses import replace

    from vidrobust.plugins.line.parts import FINE, KINDS, lit
    from vidrobust.plugins.line.scene import DEFECTS, with_defect

    for kind in KINDS:
        for name in kind.defects:
            rng = np.random.default_rng([9, len(name)])
            sound = kind.make(rng)
            changed, mask = with_defect(sound, name, 40.0, rng)
            before, after = (lit(s) * s.alpha[..., None] for s in (sound, replace(changed)))
            different = np.abs(after - before).max(axis=2) > 12
            assert different.sum() > 100, (kind.name, name)
            near = cv2.dilate(mask, np.ones((13, 13))) > 0.05
            assert (different & near).sum() > 0.95 * different.sum()
            rows, columns = np.nonzero(mask > 0.3)
            longest = max(np.ptp(rows), np.ptp(columns)) / FINE
            assert 0.35 * 40 < longest < 1.5 * 40, (kind.name, name)
    assert {name for kind in KINDS for name in kind.defects} == set(DEFECTS)


def test_pictures_survive_the_coding(tmp_path, still):
    """The coded luma plane against BT.601's own formula; FFmpeg's way back to RGB rounds down by up to a level."""
    encode(iter(still.frames), tmp_path / "clip.mp4", coding(station_settings([], 1)[0]))
    with av.open(str(tmp_path / "clip.mp4")) as container:
        shown = (frame.to_ndarray()[:480] for frame in container.decode(video=0))
        planes = [plane.astype(np.float64) for plane in shown]
    expected = 16 + still.frames.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255
    assert np.abs(np.stack(planes) - expected).mean() < 1.0
    assert abs((np.stack(planes) - expected).mean()) < 0.2
    assert np.abs(decoded(tmp_path / "clip.mp4").astype(np.int16) - still.frames).mean() < 1.6


def test_compression_coarsens_the_coding_and_sets_keyframes(tmp_path, shot):
    frames = shot("speed=6", frames=32).frames
    bits, errors = [], []
    for steps in (0, 6, 22):
        settings = station_settings([f"compression={steps}"], 1)[0]
        encode(iter(frames), tmp_path / "clip.mp4", coding(settings))
        bits.append((tmp_path / "clip.mp4").stat().st_size)
        error = decoded(tmp_path / "clip.mp4") - frames.astype(np.float32)
        errors.append(float(np.square(error).mean()))
        with av.open(str(tmp_path / "clip.mp4")) as container:
            keys = [frame.key_frame for frame in container.decode(video=0)]
        assert np.flatnonzero(keys).tolist() == ([0, 30] if steps else [0])
    assert np.all(np.diff(errors) > 0)
    assert np.all(np.diff(bits[1:]) < 0)
    assert bits[1] > 2 * bits[2]


def test_a_folder_in_use_and_settings_out_of_range_are_refused(line):
    said = "holds a data set already; give another folder, or --overwrite"
    with pytest.raises(SettingsError, match=said):
        render(SMALL, line)
    with pytest.raises(SettingsError, match="--parts: expected 1 to 999, got 0"):
        RenderSettings(parts=0)
    with pytest.raises(SettingsError, match=r"brings at most 2\.31 parts a second, not traffic=9"):
        RenderSettings(parts=1, seconds=1, dials=("traffic=9",)).plans()
    assert main(["--out", str(line), "--dial", "nothing=1"]) == 2


def test_the_command_of_a_checkout(tmp_path):
    sizes = ["--parts=2", "--passes=2", "--stations=1", "--seconds=0.2", "--seed=7", "--dial=hue=5"]
    assert main([f"--out={tmp_path / 'line'}", "--workers=2", *sizes]) == 0
    manifest = pd.read_csv(tmp_path / "line" / "manifest.csv")
    assert manifest["pass"].tolist() == [1, 2, 1, 2]
    assert (manifest["dial_hue"] == 5).all()
    assert (tmp_path / "line" / "truth.parquet").is_file()
