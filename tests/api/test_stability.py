"""Stability in other loops: the figures of a study, torchmetrics' manner, Lightning, and a test that fails."""

import types

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import vidrobust
from tests.made_frames import texture
from tests.outside_task.thermometer import TASK
from vidrobust.errors import InputError, SettingsError

MISSING = "Ultralytics is not installed: pip install ultralytics"
FRAMES, TALL, WIDE = 40, 48, 64


@pytest.fixture(scope="module")
def frames():
    """A texture that drifts under a light that wavers."""
    still = texture(3, TALL, WIDE + FRAMES).astype(float)
    light = 1 + 0.15 * np.sin(np.arange(FRAMES) * 1.7)
    moved = [still[:, f // 2 : f // 2 + WIDE] * light[f] for f in range(FRAMES)]
    return np.clip(np.stack(moved), 0, 255).astype(np.uint8)


def scores(pixels):
    """Which of three levels the mean is near, as logits."""
    mean = pixels.float().mean(dim=(1, 2, 3))[:, None]
    return -(mean - torch.tensor([[100.0, 125.0, 150.0]])).abs() / 5


def boxes(pixels):
    """A box about the middle, missed where the light is low."""
    found = []
    for mean in pixels.float().mean(dim=(1, 2, 3)):
        there = [[12.0, 8.0, 44.0 + float(mean) / 64, 40.0]] if mean > 112 else []
        count = (len(there),)
        sure = {"scores": torch.full(count, 0.9), "labels": torch.full(count, int(mean > 135))}
        found.append({"boxes": torch.tensor(there).reshape(-1, 4), **sure})
    return found


@pytest.mark.parametrize(("task", "model"), [("classification", scores), ("detection", boxes)])
def test_the_same_frames_give_the_figures_of_a_study(task, model, frames):
    clips, settings = {"a": frames, "b": frames[::-1].copy()}, {"device": "cpu"}
    run = vidrobust.study(clips, model, settings=settings, stages=("stability",))
    expected = run.table("stability")
    expected = expected[~expected["metric"].str.startswith(("noise_floor", "box_noise_floor"))]
    stability = vidrobust.Stability(task=task, frame_rate=25)
    # clips alternate, in batches of another size than those of a study
    for start in range(0, FRAMES, 9):
        for clip, of in (("a", frames), ("b", frames[::-1])):
            part = of[start : start + 9].copy()
            stability.update(model(torch.from_numpy(part).permute(0, 3, 1, 2)), part, clip)
    found = stability.figures()
    names = {name: name.partition("-")[0] for name in expected["item"].unique()}
    columns = ["item", "metric", "value", "low", "high", "n", "clusters"]
    keys = ["item", "metric"]
    expected = expected.assign(item=expected["item"].map(names))
    expected, found = (t[columns].sort_values(keys, ignore_index=True) for t in (expected, found))
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)
    assert found.loc[(found["metric"] == "flip_rate") & (found["item"] == ""), "value"].item() > 0


def test_answers_without_frames_by_hand():
    """Labels a a b a a: 2 of 4 pairs flip; the second flip is back within three frames."""
    stability = vidrobust.Stability(task="classification", frame_rate=25)
    stability.update(np.eye(3)[[0, 0, 1]])
    stability.update(np.eye(3)[[0, 0]])
    found = stability.compute()
    assert float(found["flip_rate"]) == 0.5
    assert float(found["revert_flip_rate"]) == 0.25
    assert "causes" in " ".join(stability.missing)
    stability.reset()
    with pytest.raises(InputError):
        stability.figures()


def test_batches_that_cross_clips(frames):
    """Names come as the default collate of a DataLoader gives them: a tuple with one for each frame."""
    apart, together = (vidrobust.Stability(task="classification") for _ in range(2))
    rows = np.eye(3)[[0, 0, 1, 1, 2, 2, 2, 0]]
    pixels = frames[:8]
    apart.update(rows[:3], pixels[:3], "a")
    apart.update(rows[3:], pixels[3:], "b")
    data = list(zip(rows, pixels, "aaabbbbb", strict=True))
    for scores_of, frames_of, names in torch.utils.data.DataLoader(data, batch_size=4):
        assert not isinstance(names, str)
        together.update(scores_of, frames_of, names)
    pd.testing.assert_frame_equal(apart.figures(), together.figures())
    with pytest.raises(SettingsError, match="expected a name, or 4 names, got 2"):
        together.update(rows[:4], pixels[:4], ("a", "b"))


def test_arguments_are_typed():
    with pytest.raises(TypeError, match="frames_per_second"):
        vidrobust.Stability(frames_per_second=25)


def test_boxes_of_supervision_without_frames():
    """By hand: an object in 12 of 14 frames, missed in two in the middle."""
    sv = pytest.importorskip("supervision")
    stability = vidrobust.Stability(task="detection", frame_rate=25, frame_size=(100, 200))
    sure = {"confidence": np.array([0.9]), "class_id": np.array([0])}
    one = sv.Detections(xyxy=np.array([[10.0, 10.0, 50.0, 50.0]]), **sure)
    for k in range(14):
        stability.update(sv.Detections.empty() if k in (6, 7) else one)
    assert float(stability.compute()["uncovered_rate"]) == pytest.approx(2 / 14)
    with pytest.raises(SettingsError, match="frame_size"):
        vidrobust.Stability(task="detection").update([one])


@pytest.mark.nightly
def test_results_of_ultralytics_are_answers():
    results = pytest.importorskip("ultralytics.engine.results", reason=MISSING)
    frame = np.zeros((100, 200, 3), np.uint8)
    box = torch.tensor([[10.0, 10.0, 50.0, 50.0, 0.9, 0.0]])
    found = [results.Results(frame, path="x", names={0: "cat"}, boxes=box) for _ in range(12)]
    stability = vidrobust.Stability(task="detection", frame_size=(100, 200), class_names=["cat"])
    stability.update(found)
    assert float(stability.compute()["flip_rate"]) == 0


@pytest.mark.filterwarnings("ignore")
def test_a_metric_of_torchmetrics_in_a_loop_of_lightning(frames):
    torchmetrics = pytest.importorskip("torchmetrics")
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.stability = vidrobust.Stability(task="classification", frame_rate=25)

        def validation_step(self, batch, _):
            self.stability.update(scores(batch[0]), batch[0])

        def on_validation_epoch_end(self):
            self.log_dict(self.stability.compute())
            self.stability.reset()

    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(pixels), batch_size=16)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(accelerator="cpu", **quiet)
    module = Module()
    assert isinstance(module.stability, torchmetrics.Metric)
    (logged,) = trainer.validate(module, data, verbose=False)
    alone = vidrobust.Stability(task="classification", frame_rate=25)
    whole = alone(scores(pixels), frames)
    assert logged["flip_rate"] == pytest.approx(float(whole["flip_rate"]))
    assert logged["flip_rate_high"] == pytest.approx(float(whole["flip_rate_high"]))


def test_a_test_fails_with_the_interval(frames):
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)
    stability = vidrobust.Stability(task="classification", frame_rate=25)
    found = stability(scores(pixels), frames)
    rule = f"flip_rate <= {float(found['flip_rate']):.4f}1"
    vidrobust.assert_stable(stability, rule, "jitter < 1")
    with pytest.raises(AssertionError) as failed:
        vidrobust.assert_stable(stability, "flip_rate <= 0.02", "jitter < 1")
    message = str(failed.value)
    assert len(message.splitlines()) == 1
    assert all(f"{float(found[name]):.4g}" in message for name in ("flip_rate", "flip_rate_high"))
    with pytest.raises(AssertionError):
        vidrobust.assert_stable(stability, "hota > 0.5")  # a number that is not there is no success


def test_flip_rate_and_compare_take_what_a_study_takes(frames):
    one = vidrobust.flip_rate(frames, scores)
    labels = scores(torch.from_numpy(frames).permute(0, 3, 1, 2)).argmax(dim=1)
    assert one == pytest.approx(float((labels.diff() != 0).double().mean()))
    assert vidrobust.flip_rate(list(frames), scores) == one
    assert 0 < vidrobust.flip_rate({"a": frames, "b": frames[:30]}, scores) < 1
    found = vidrobust.compare(scores, lambda pixels: scores(pixels) * 0.5, sources=frames)
    assert found["metrics"]["flip_rate"]["difference"] == 0
    assert found["metrics"]["flip_rate"]["a"] == pytest.approx(one)


def test_identical_frames_give_no_flip_rate_and_say_why(frames):
    same = np.repeat(frames[:1], 12, axis=0)
    stability = vidrobust.Stability(task="classification", frame_rate=25)
    found = stability(scores(torch.from_numpy(same).permute(0, 3, 1, 2)), same)
    assert np.isnan([float(found[f"flip_rate{end}"]) for end in ("", "_low", "_high")]).all()
    # twelve frames have eleven pairs
    said = "none of 11 pairs of frames may be compared (11 because the frames are the same picture)"
    assert said in stability.missing[0]
    with pytest.raises(InputError, match="none of 11 pairs"):
        vidrobust.flip_rate(same, scores)


def test_a_task_without_flips_is_refused_by_name(monkeypatch, frames):
    class Thermometer:
        task = "temperature"

    known = types.SimpleNamespace(records=(TASK,))
    monkeypatch.setattr("vidrobust.metrics.catalogue.provided_tasks", lambda: known)
    monkeypatch.setattr("vidrobust.api.study.load_model", lambda spec: Thermometer())
    said = r"of the task temperature has no label flips; use vidrobust\.study"
    with pytest.raises(SettingsError, match=said):
        vidrobust.flip_rate(frames, "a-thermometer")


def test_scores_of_one_frame_and_pictures_of_pil(frames):
    by_frame, at_once = (vidrobust.Stability(task="classification") for _ in range(2))
    rows = scores(torch.from_numpy(frames[:6]).permute(0, 3, 1, 2))
    for row, frame in zip(rows, frames[:6], strict=True):
        by_frame.update(row, [Image.fromarray(frame)])
    at_once.update(rows, [Image.fromarray(frame) for frame in frames[:6]])
    pd.testing.assert_frame_equal(by_frame.figures(), at_once.figures())


def test_a_broken_rule_is_worded_as_it_was_given():
    stability = vidrobust.Stability(task="classification")
    stability.update(np.eye(3)[np.arange(40) % 3])
    with pytest.raises(AssertionError, match=r"expected flip_rate <= 0\.02;") as broken:
        vidrobust.assert_stable(stability, "flip_rate <= 2%")
    assert "> 0.02" not in str(broken.value)
    with pytest.raises(AssertionError, match=r"^hota > 0\.5: "):
        vidrobust.assert_stable(stability, "hota > 0.5")


def test_the_flip_rate_of_two_models_is_no_number(frames):
    with pytest.raises(SettingsError, match="got 2 models"):
        vidrobust.flip_rate(frames, [scores, lambda pixels: scores(pixels) * 0.5])


def test_what_a_run_has_not_computed_is_said_alike(frames, tmp_path):
    run = vidrobust.study(frames, scores, out=tmp_path / "run", stages=["stability"])
    for name in ("account", "policy"):
        with pytest.raises(InputError, match=f"has no {name} yet"):
            getattr(run, name)
