"""Studies from Python, on frames in memory: the run's answers, how it shows itself, its strips against frames."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import vidrobust
from tests.made_frames import texture
from vidrobust.errors import InputError, SettingsError

pytestmark = pytest.mark.usefixtures("without_figures")
SMALL = {"frames": 5, "pairs": 8, "resamples": 100, "perturbation": ["brightness"]}


NAMES = ["dark", "middle", "bright"]
LEVELS = (118.0, 126.0, 134.0)


def brightness(pixels):
    """Three classes: dark, middle, bright."""
    mean = pixels.float().mean(dim=(1, 2, 3))
    return torch.stack([-(mean - level).abs() / 2 for level in LEVELS], dim=1)


brightness.version = "1"


def flickering(seed, count=26):
    """A still whose light changes from frame to frame, with sensor noise."""
    rng = np.random.default_rng(seed)
    still = texture(seed, 120, 160).astype(np.float64)
    still *= 126 / still.mean()
    gains = 1 + rng.normal(0, 0.04, count)
    frames = [np.clip(still * g + rng.normal(0, 2, still.shape), 0, 255) for g in gains]
    return np.stack(frames).round().astype(np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("api") / "run"
    clips = {"one": flickering(1), "two": flickering(2)}
    stages = ["causes", "moments", "report"]
    return vidrobust.study(clips, brightness, out, SMALL, class_names=NAMES, stages=stages)


def test_the_run_answers(run):
    assert run.models == ["brightness"]
    verdict = run.verdict["brightness"]
    assert verdict.word == "unstable"
    assert verdict.n == 2 * 25
    said = pd.concat([run.tables["frames"]]).sort_values(["item", "frame"])
    expected = np.concatenate([_labels(flickering(1)), _labels(flickering(2))])
    assert said["label"].tolist() == expected.tolist()
    changed = sum(int((np.diff(_labels(flickering(seed))) != 0).sum()) for seed in (1, 2))
    assert verdict.value == pytest.approx(changed / 50)
    assert len(run.flips) == changed
    (figure,) = run.metrics[run.metrics["metric"] == "flip_rate"].itertuples()
    assert (figure.model, figure.n, figure.value) == ("brightness", 50, pytest.approx(changed / 50))
    assert figure.low < figure.value < figure.high
    assert set(run.account["cause"]) >= {"light", "noise_and_detail"}
    shares = run.account.groupby(["model", "level"])["share"].sum()
    assert shares.tolist() == pytest.approx([1.0] * len(shares))
    assert "frames" in run.tables
    assert list(run.tables) == sorted(run.tables)
    assert list(run.tables["sensitivity"])[:2] == ["model", "item"]
    assert not len(run.tables["sensitivity"])
    with pytest.raises(KeyError):
        run.tables["no_such"]
    with pytest.raises(KeyError, match="did you mean detections"):
        run.tables["boxes"]


def _labels(frames):
    return brightness(torch.from_numpy(frames).permute(0, 3, 1, 2)).argmax(dim=1).numpy()


def test_flips_name_what_frames_says(run):
    names = run.tables["frames"].set_index(["item", "frame"])["label_name"]
    assert len(run.flips)
    for row in run.flips.itertuples():
        assert row.before == names[row.item, row.frame_a]
        assert row.after == names[row.item, row.frame_b]
        assert row.before != row.after


def test_every_label_of_a_strip_is_in_the_table_of_frames(run):
    frames = run.tables["frames"].set_index(["model", "item", "frame"])
    moments = run.folder.read_json("moments.json")["moments"]
    tiles = ((m, tile) for m in moments for tile in m.get("strip") or [])
    shown = [(m, tile) for m, tile in tiles if tile["frame"] is not None]
    assert len(shown) >= 2
    for moment, tile in shown:
        said = frames.loc[(moment["model"], moment["item"], tile["frame"])]
        assert tile["title"] == f"frame {tile['frame']}"
        assert (tile["label"], tile["probability"]) == (said["label_name"], said["probability"])
        shown = {m_tile["frame"] for m_tile in moment["strip"]} - {None}
        assert shown == {moment["frame_a"], moment["frame_b"]}


def test_the_player_has_every_frame(run):
    kept = run.table("player_frames")
    assert (kept["kind"] == "frame").sum() == 52
    assert set(kept.loc[kept["kind"] == "difference", "frame"]) <= set(run.flips["frame_b"])
    assert run.report.is_file()
    assert (run.path / "details.html").is_file()


def test_it_shows_itself(run):
    lines = repr(run).splitlines()
    assert len(lines) == 5
    assert str(run.path) in lines[0]
    assert "brightness: unstable" in lines[2]
    html = run._repr_html_()
    assert "unstable" in html
    assert "<script" not in html
    assert "style=" not in html


def test_the_same_call_continues(run, tmp_path):
    lines = []
    clips = {"one": flickering(1), "two": flickering(2)}
    how = {"class_names": NAMES, "stages": ["causes"], "progress": lines.append}
    again = vidrobust.study(clips, brightness, run.path, SMALL, **how)
    assert again.path == run.path
    ready = any("up to date" in step.message or "0 of" in step.message for step in lines)
    assert ready or not any(step.unit == "pairs" and step.done for step in lines)
    assert vidrobust.load_run(run.path).verdict == run.verdict


def test_progress_of_the_whole_study_grows_to_its_end(tmp_path):
    steps = []
    little = SMALL | {"frames": 3, "pairs": 4}
    named = ["variation", "policy"]
    how = {"stages": named, "progress": steps.append}
    vidrobust.study({"one": flickering(1, 12)}, brightness, tmp_path, little, **how)
    whole = [step for step in steps if step.share is not None]
    shares = [step.share or 0.0 for step in whole]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert 0.0 < shares[len(shares) // 2] < 1.0
    assert (shares[-1], whole[-1].left_s) == (1.0, 0.0)
    assert all((step.left_s or 0.0) >= 0.0 for step in whole)
    assert (whole[0].left_s or 0.0) > 0.0
    assert [step.done for step in whole if step.unit == "pairs"] == [1, 2, 3, 4]


def test_a_run_against_itself_is_the_same(run):
    found = vidrobust.compare(run, run.path)
    assert found["metrics"]["flip_rate"]["difference"] == 0
    assert found["metrics"]["flip_rate"]["verdict"] == "same"


def test_a_manifest_as_a_data_frame(run, tmp_path):
    path = next((run.path / "recordings").glob("one-*.mkv"))
    rows = [(path, "begin", None, 0.4), (path, "end", 0.5, None)]
    table = pd.DataFrame(rows, columns=["path", "item", "start_s", "end_s"])
    found = vidrobust.study(table, brightness, tmp_path / "run", SMALL, stages=["stability"])
    assert sorted(found.tables["items"]["item"]) == ["begin", "end"]


def test_an_iterator_and_a_list_of_frames_are_one_clip(tmp_path):
    frames = flickering(1, 14)
    runs = [
        vidrobust.study(given, brightness, tmp_path / name, SMALL, stages=["stability"])
        for name, given in (("iterator", iter(frames)), ("list", list(frames)))
    ]
    assert [len(r.tables["frames"]) for r in runs] == [14, 14]


def test_the_errors_of_the_command_line(tmp_path):
    said = r"settings: unknown setting.*strenghts.*did you mean strengths"
    with pytest.raises(SettingsError, match=said):
        vidrobust.study("a.mp4", "efficientnet-lite0", tmp_path / "x", {"strenghts": 2})
    with pytest.raises(SettingsError, match="no stage 'stabilty'; did you mean stability"):
        vidrobust.study("a.mp4", "efficientnet-lite0", tmp_path / "x", stages=["stabilty"])
    with pytest.raises(SettingsError, match="clip: a manifest has a column path; it has file"):
        vidrobust.study(pd.DataFrame({"file": ["a"]}), brightness, tmp_path / "y")
    said = r"clip: expected a path, an array or iterator of frames.*got int"
    with pytest.raises(SettingsError, match=said):
        vidrobust.study(3, brightness, tmp_path / "z")
    with pytest.raises(InputError, match=r"No such file: .*absent\.mp4"):
        vidrobust.study(tmp_path / "absent.mp4", brightness, tmp_path / "w")


def test_the_root_is_typed_as_it_is():
    import ast

    tree = ast.parse(Path(vidrobust.__file__).read_text())
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == vidrobust._NAMES
