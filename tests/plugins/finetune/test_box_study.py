"""The command on a detector, from a run folder to table, policy and weights, on things whose colour wavers."""

import itertools

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.plugins.finetune.small import STEP
from tests.plugins.finetune.small_boxes import PLACES
from vidrobust.cli.app import main
from vidrobust.stages.policy.measured import FOLDER, with_measured
from vidrobust.stages.policy.policy import Policy

WHAT = "frames of objects without a box"
SPEC = "tests.plugins.finetune.small_boxes:detector"
COMMAND = ("--seeds", "2", "--steps", "3", "--batch", "4", "--rate", "0.05", "-q")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """Stability of six folders of pictures with a red or blue thing that is too faint in some frames."""
    folder = tmp_path_factory.mktemp("adapt")
    rng = np.random.default_rng(0)
    clips = []
    for clip in range(6):
        clips.append(folder / f"clip-{clip}")
        clips[-1].mkdir()
        for frame in range(20):
            lean = 15 + rng.normal(0, 6)
            now = np.array([100 - lean, 100, 100 + lean])[:: 1 if clip % 2 else -1]
            picture = np.full((48, 60, 3), 100) + rng.integers(-5, 6, (48, 60, 3))
            x1, y1, x2, y2 = PLACES[clip % 4].int().tolist()
            picture[y1:y2, x1:x2] = now + rng.integers(-5, 6, (y2 - y1, x2 - x1, 3))
            clipped = np.clip(picture, 0, 255).astype(np.uint8)
            cv2.imwrite(str(clips[-1] / f"{frame:02d}.png"), clipped)
    run = folder / "run"
    given = folder / "given.json"
    given.write_text(Policy(steps=(STEP,), model="detector", image_size=(48, 60)).to_json())
    main(["stability", *map(str, clips), "--model", SPEC, "--out", str(run), "-q"])
    main(["adapt", str(run), "--policy", str(given), *COMMAND])
    return run


@pytest.mark.nightly  # of a classifier, in every run: test_study.py
def test_what_it_was_before_are_the_figures_of_the_run(run_folder):
    """Frames of objects without a box on the held-out clips, counted in the run's own table of tracks."""
    table = pd.read_parquet(run_folder / "adaptation.parquet")
    assert set(table["recipe"]) == {"plain", "colorjitter", "ssd", "policy"}
    assert set(table["metric"]) == {"flips", "other"}
    row = table[(table["recipe"] == "plain") & (table["metric"] == "flips")]
    steps = pd.read_parquet(run_folder / "object_frames.parquet").dropna(subset="uncovered")
    missed = [mine["uncovered"].to_numpy(float) for _, mine in steps.groupby("item")]
    assert sum(each.sum() for each in missed) > 5
    three = [np.concatenate(clips) for clips in itertools.combinations(missed, 3)]
    found = (float(row["before"].iloc[0]), int(row["n"].iloc[0]))
    assert found in [pytest.approx((each.mean(), len(each))) for each in three]


@pytest.mark.nightly
def test_a_second_call_after_a_loss_makes_only_what_is_missing_and_the_same(run_folder):
    before = pd.read_parquet(run_folder / "adaptation.parquet")
    trials = run_folder / FOLDER / "trials"
    times = {path.name: path.stat().st_mtime_ns for path in trials.glob("*.pt")}
    lost = [name for name in times if name.startswith(("plain-1-3", "ssd-0-1"))]
    assert len(lost) == 4  # weights and scores
    for name in lost:
        (trials / name).unlink()
    main(["adapt", str(run_folder), "--policy", str(run_folder.parent / "given.json"), *COMMAND])
    pd.testing.assert_frame_equal(before, pd.read_parquet(run_folder / "adaptation.parquet"))
    after = {path.name: path.stat().st_mtime_ns for path in trials.glob("*.pt")}
    assert {name for name in after if after[name] != times[name]} == set(lost)


def test_a_policy_says_of_what_its_figures_are():
    figures = {
        "before": 0.1,
        "after": 0.05,
        "ratio": 0.5,
        "low": 0.3,
        "high": 0.8,
        "verdict": "helps",
    }
    said = {"footage": {**figures, "of": WHAT}}
    tried = with_measured(Policy(steps=(STEP,), model="detector"), {"measured": said})
    assert dict(tried.measured) == {**figures, "of": WHAT}
    assert not Policy(steps=(STEP,)).trial
