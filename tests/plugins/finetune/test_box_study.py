"""The command on a detector, from a run folder to table, policy and weights, on things whose colour wavers."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.plugins.finetune.small import STEP
from tests.plugins.finetune.small_boxes import PLACES
from vidrobust.cli.app import main
from vidrobust.plugins.finetune.judge import BOXES
from vidrobust.stages.policy.measured import ADAPTATION, FOLDER, with_measured
from vidrobust.stages.policy.policy import Policy

SPEC = "tests.plugins.finetune.small_boxes:detector"
REST = ("--seeds", "2", "--steps", "3", "--batch", "4", "--rate", "0.05", "-q")
COMMAND = ("--arms", "none,none-again,policy", *REST)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
            cv2.imwrite(
                str(clips[-1] / f"{frame:02d}.png"), np.clip(picture, 0, 255).astype(np.uint8)
            )
    run = folder / "run"
    given = folder / "given.json"
    given.write_text(Policy(steps=(STEP,), model="detector", image_size=(48, 60)).to_json())
    main(["stability", *map(str, clips), "--model", SPEC, "--out", str(run), "-q"])
    main(["adapt", str(run), "--policy", str(given), *COMMAND])
    return run


def test_what_it_was_before_are_the_figures_of_the_run(run_folder: Path) -> None:
    """Frames of objects without a box on the held-out clips, counted in the run's own table of tracks."""
    table = pd.read_parquet(run_folder / "adaptation.parquet")
    assert table["metric"].drop_duplicates().tolist() == [
        *(
            "uncovered_rate",
            "dropout_rate",
            "flip_rate",
            "center_jitter",
            "lost_boxes",
            "box_change",
        )
    ]
    row = table[
        (table["arm"] == "none")
        & (table["against"] == "before")
        & (table["metric"] == "uncovered_rate")
    ]
    steps = pd.read_parquet(run_folder / "object_frames.parquet").dropna(subset="uncovered")
    missed = [mine["uncovered"].to_numpy(float) for _, mine in steps.groupby("item")]
    assert sum(each.sum() for each in missed) > 5
    three = [
        np.concatenate([missed[a], missed[b], missed[c]])
        for a in range(6)
        for b in range(a)
        for c in range(b)
    ]
    assert (float(row["before"].iloc[0]), int(row["n"].iloc[0])) in [
        pytest.approx((each.mean(), len(each))) for each in three
    ]


def test_no_arm_meets_what_judges_and_the_same_arm_twice_is_not_told_apart(
    run_folder: Path,
) -> None:
    table = pd.read_parquet(run_folder / "adaptation.parquet")
    assert not table.loc[table["family"].isin(["compression", "occlusion"]), "trained"].any()
    again = table[(table["arm"] == "none-again") & (table["against"] == "none")]
    assert len(again) > 5
    assert not again["verdict"].isin(["helps", "harms"]).any()
    summary = json.loads((run_folder / ADAPTATION).read_text())
    assert summary["held_back"] == ["compression", "occlusion"]
    assert summary["targets"] == "own answers over time"
    assert summary["measured"]["footage"]["of"] == BOXES.what


def test_a_second_call_after_a_loss_makes_only_what_is_missing_and_the_same(
    run_folder: Path,
) -> None:
    before = pd.read_parquet(run_folder / "adaptation.parquet")
    answers = run_folder / FOLDER / "answers"
    times = {path.name: path.stat().st_mtime_ns for path in answers.glob("*.npz")}
    assert len(times) == 6
    lost = [name for name in times if name.startswith(("policy-1", "none-0"))]
    for name in lost:
        (answers / name).unlink()
    main(["adapt", str(run_folder), "--policy", str(run_folder.parent / "given.json"), *COMMAND])
    pd.testing.assert_frame_equal(before, pd.read_parquet(run_folder / "adaptation.parquet"))
    after = {path.name: path.stat().st_mtime_ns for path in answers.glob("*.npz")}
    assert {name for name in after if after[name] != times[name]} == set(lost)


def test_weights_are_loaded_again_by_the_factory(run_folder: Path, tmp_path: Path) -> None:
    weights = run_folder / FOLDER / "weights" / "policy.pt"
    clip = next(run_folder.parent.glob("clip-*"))
    main(
        [
            "stability",
            str(clip),
            "--model",
            f"{SPEC},weights={weights}",
            "--out",
            str(tmp_path),
            "-q",
        ]
    )
    about = json.loads((tmp_path / "run.json").read_text())["models"][0]
    assert about["name"] == "detector@policy"
    assert about["weights"] == str(weights)


def test_a_policy_says_of_what_its_figures_are() -> None:
    figures = {
        "before": 0.1,
        "after": 0.05,
        "ratio": 0.5,
        "low": 0.3,
        "high": 0.8,
        "verdict": "helps",
    }
    said = {"footage": {**figures, "of": BOXES.what}, "steps": {"white_balance": figures}}
    tried = with_measured(Policy(steps=(STEP,), model="detector"), {"measured": said})
    assert dict(tried.measured) == {**figures, "of": BOXES.what}
    assert dict(tried.steps[0].measured) == figures
    assert not Policy(steps=(STEP,)).trial


def test_arms_and_models_that_cannot_be_end_with_2(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options, said in (
        (
            ("--arms", "none,trivialaugment"),
            "trivialaugment is not for a detector: it turns or shears",
        ),
        (
            ("--arms", "none", "--targets", "labels"),
            "none of the run's labels is a class of detector",
        ),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["adapt", str(run_folder), "-q", *options])
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
