"""A whole study of a detector whose boxes lean with the light: named, trained against, and told in the answer."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.frame_pairs.planted import HEIGHT, WIDTH, recorded
from tests.pipeline.conftest import run
from tests.stages.causes.test_boxes import Middle, with_plate
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.answer.answer import answer_of

FRAMES = 28


def leaning():
    """Puts its box further to the right the lighter the picture is."""
    return Middle(lambda frame: 60 * (float(frame[:30].mean()) - 0.45), name="leaning")


def steady():
    """Finds the plate where it is."""
    return Middle(name="steady")


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """Frames under a lamp that flickers by 8 %."""
    folder = tmp_path_factory.mktemp("planted")
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 1, (HEIGHT + 32, WIDTH + 32)).astype(np.float32)
    grain = cv2.GaussianBlur(noise, (0, 0), 2.5)
    scene = np.repeat((115 + 220 * grain)[..., None], 3, axis=2).clip(20, 220).astype(np.float32)
    clean = [with_plate(scene, 110, gain=gain) for gain in 1 + rng.uniform(-0.08, 0.08, FRAMES)]
    (folder / "lamp").mkdir()
    for number, frame in enumerate(recorded(clean, 1.0, 0)):
        cv2.imwrite(str(folder / "lamp" / f"{number:04d}.png"), frame[..., ::-1])
    here = "tests.stages.policy.test_detector_policy"
    kinds = ("--perturbation=brightness", "--perturbation=gaussian_noise")
    settings = (*kinds, "--frames=8", "--pairs=12")
    both = (f"--model={here}:leaning", f"--model={here}:steady")
    out = folder / "run"
    assert run("policy", str(folder / "lamp"), *both, *settings, f"--out={out}", "-q") == 0
    assert run("correlate", str(out), "-q") == 0
    return out


def test_the_light_is_named_of_the_places_alone(studied):
    places = pd.read_parquet(studied / "place_named.parquet")
    assert places.loc[places["model"] == "leaning", "cause"].tolist() == ["light", "light"]
    assert "light" not in places.loc[places["model"] == "steady", "cause"].tolist()
    assert not (studied / "named.parquet").exists()  # no score ever changes


def test_the_policy_trains_against_it_as_far_as_the_lamp_goes(studied):
    policy = json.loads((studied / "policy.json").read_text())
    (step,) = policy["steps"]
    assert (policy["model"], step["perturbation"]) == ("leaning", "brightness")
    assert 0.04 < step["high"] < 0.15  # the lamp goes 8 % either way
    assert step["evidence"]["of"] == "the change of its boxes' places"
    assert step["evidence"]["replication"].startswith(("found again", "not tested"))
    # 60 px x .45 of level x the gain: at the lamp's largest gain some 2 px of a box of 44 x 36
    assert 0.01 < step["evidence"]["sensitivity"] < 0.15
    exported = (studied / "policy_torchvision.py").read_text().lower()
    assert ("colorjitter" in exported) == (step["evidence"]["level"] == "replicated")
    other = json.loads((studied / "policies" / "steady" / "policy.json").read_text())
    assert (other["model"], other["steps"]) == ("steady", [])


def test_the_answer_tells_it_in_a_few_lines(studied):
    found = answer_of(RunTables(studied))
    rates = [each for each in found.of("leaning") if each.kind == "rate"]
    assert [(each.value, each.n) for each in rates] == [
        (0.0, FRAMES)
    ]  # an only class cannot change
    named = [each for each in found.of("leaning") if each.kind == "why_named"]
    assert "light" in named[0].text.lower()
    kinds = ("train_suggested", "train_replicated")
    (train,) = [each for each in found.of("leaning") if each.kind in kinds]
    assert train.value == named[0].value


def test_the_correlation_is_asked_of_each_detector(studied):
    table = pd.read_parquet(studied / "correlation.parquet")
    assert set(table["stability_metric"]) >= {"box_change"}
    said = json.loads((studied / "correlation.json").read_text())
    lines = [(s["across"], s["model"]) for s in said["studies"]]
    assert ("frames", "leaning") in lines
    assert ("frames", "steady") in lines
