"""The command from a run folder to table, policy and weights, on pictures whose colour wavers."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.plugins.finetune.small import STEP
from vidrobust.cli.app import main
from vidrobust.plugins.finetune.train import WEIGHTS
from vidrobust.stages.policy.measured import ADAPTATION, FOLDER
from vidrobust.stages.policy.policy import Policy

SPEC = "tests.plugins.finetune.small:network"
COMMAND = (
    "--arms",
    "none,random,policy",
    "--seeds",
    "2",
    "--steps",
    "3",
    "--batch",
    "4",
    "--rate",
    "0.01",
    "-q",
)


def pictures(folder: Path, lean: float, sway: float, rng: np.random.Generator) -> str:
    """24 pictures that lean to red, some by so much less that they are blue; the folder."""
    folder.mkdir(parents=True)
    for frame in range(24):
        now = lean + rng.normal(0, sway)
        colour = np.clip(
            np.array([120 - now, 110, 120 + now]), 0, 255
        )  # as OpenCV: blue, green, red
        noise = rng.integers(-6, 7, (40, 60, 3))
        cv2.imwrite(str(folder / f"{frame:02d}.png"), (colour + noise).astype(np.uint8))
    return str(folder)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stage stability of four folders of pictures, red or blue, of which some frames are the other way."""
    folder = tmp_path_factory.mktemp("adapt")
    rng = np.random.default_rng(0)
    clips = [
        pictures(folder / f"clip-{clip}", 12 if clip % 2 else -12, 14, rng) for clip in range(4)
    ]
    run = folder / "run"
    main(["stability", *clips, "--model", SPEC, "--out", str(run), "-q"])
    advised = Policy(steps=(STEP,), model="network", image_size=(40, 60))
    (run / "given.json").write_text(advised.to_json())
    (run / "policy.json").write_text(advised.to_json())
    main(["adapt", str(run), "--policy", str(run / "given.json"), *COMMAND])
    return run


def test_every_arm_is_held_against_the_others(run_folder: Path) -> None:
    table = pd.read_parquet(run_folder / "adaptation.parquet")
    assert set(zip(table["arm"], table["against"], strict=True)) == {
        *(("none", other) for other in ("before", "random")),
        *(("random", other) for other in ("before", "none")),
        *(("policy", other) for other in ("before", "none", "random")),
    }
    own = table[(table["judged"] == "white_balance") & (table["arm"] == "policy")]
    assert sorted(own["times"].unique()) == [0.5, 1, 2, 3]
    assert own["trained"].all()
    assert not table.loc[table["family"].isin(["compression", "occlusion"]), "trained"].any()
    assert (table["seeds"] == 2).all()
    summary = json.loads((run_folder / ADAPTATION).read_text())
    assert summary["held_back"] == ["compression", "occlusion"]
    assert summary["split_by"] == "input"
    assert summary["targets"] == "own answers over time"
    drawn = next(arm for arm in summary["arms"] if arm["arm"] == "random")
    assert not {"compression", "occlusion"} & set(drawn["families"])


def test_what_it_was_before_are_the_figures_of_the_run(run_folder: Path) -> None:
    """Flips of the held-out clips, counted in the run's own table of pairs."""
    table = pd.read_parquet(run_folder / "adaptation.parquet")
    row = table[
        (table["arm"] == "none") & (table["against"] == "before") & (table["metric"] == "flip_rate")
    ]
    pairs = pd.read_parquet(run_folder / "pairs.parquet")
    pairs = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    flips = [mine["label_flip"].to_numpy(float) for _, mine in pairs.groupby("item")]
    two = [np.concatenate([flips[a], flips[b]]) for a in range(4) for b in range(a)]
    whole = [(each.mean(), len(each)) for each in two]
    assert (float(row["before"].iloc[0]), int(row["n"].iloc[0])) in [
        pytest.approx(each) for each in whole
    ]


def test_a_second_call_trains_nothing_and_another_seed_only_itself(run_folder: Path) -> None:
    answers = run_folder / FOLDER / "answers"
    before = {path.name: path.stat().st_mtime_ns for path in answers.glob("*.npz")}
    assert len(before) == 6
    more = [word if word != "2" else "3" for word in COMMAND]
    main(["adapt", str(run_folder), "--policy", str(run_folder / "given.json"), *more])
    after = {path.name: path.stat().st_mtime_ns for path in answers.glob("*.npz")}
    assert len(after) == 9
    assert {name: after[name] for name in before} == before


def test_other_calm_footage_and_half_of_the_run_train_and_the_other_half_judges(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    calm = tmp_path / "calm"
    for clip, lean in (("red", 20.0), ("blue", -20.0)):
        pictures(calm / clip, lean, 1, rng)
    given = ["--policy", str(run_folder / "given.json"), "--arms", "none,policy", "--seeds", "1"]
    rest = ["--steps", "2", "--batch", "4", "--rate", "0.01"]
    main(["adapt", str(run_folder), "--on", str(calm), *given, *rest])
    said = capsys.readouterr().err
    assert (
        f"36 frames of {calm} train by the model's own answers over time, 36 of the run without"
        in said
    )
    assert "24 validate, 48 judge, no input on both sides" in said
    summary = json.loads((run_folder / ADAPTATION).read_text())
    assert (summary["split_by"], summary["trained_on"]) == ("input", str(calm))
    assert summary["frames"]["line"] == 36
    (weight,), (left_out,) = (summary["arms"][1][name] for name in ("weights", "left_out"))
    assert weight in WEIGHTS
    assert 0 <= left_out <= 9
    table = pd.read_parquet(run_folder / "adaptation.parquet")
    row = table[
        (table["arm"] == "none") & (table["against"] == "before") & (table["metric"] == "flip_rate")
    ]
    pairs = pd.read_parquet(run_folder / "pairs.parquet")
    pairs = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    counts = pairs.groupby("item").size()
    assert int(row["n"].iloc[0]) in {
        counts.iloc[a] + counts.iloc[b] for a in range(4) for b in range(a)
    }
    kept = next((run_folder / FOLDER / "on").iterdir())  # a run folder that can be given instead
    main(["adapt", str(run_folder), "--on", str(kept), *given, *rest])
    assert "0 of 2 trainings to do" in capsys.readouterr().err


def test_the_runs_own_policy_is_kept_where_another_was_tried(run_folder: Path) -> None:
    assert Policy.read(run_folder / "policy.json").measured == {}


def test_wrong_questions_end_with_2(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, said in (
        (("--arms", "none,augmix"), "there is no arm 'augmix'"),
        (
            ("--arms", "none", "--targets", "labels"),
            "none of the run's labels is a class of network",
        ),
        (
            ("--arms", "none", "--model", "other"),
            "--model other: is not in this run; models are network",
        ),
        (("--arms", "none", "--on", str(run_folder)), "is the run itself; leave it out"),
        (("--arms", "none", "--seeds", "0"), "--seeds: expected a whole number from 1, got 0"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["adapt", str(run_folder), "-q", *options])
        assert ended.value.code == 2
        assert said in capsys.readouterr().err


def test_quick_does_less_and_says_what_it_leaves_out(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--policy", str(run_folder / "given.json"), "--seeds", "1", "--batch", "4"]
    main(["adapt", str(run_folder), "--quick", *given])
    said = capsys.readouterr().err
    assert "3 arms (none, random, policy) with 1 seeds, 120 steps" in said
    assert (
        "--quick leaves out other multiples of the policy's ranges than 1, and leaks between families"
        in said
    )
    table = pd.read_parquet(run_folder / "adaptation.parquet")
    assert set(table["times"]) == {0.0, 1.0}
    assert (table.loc[table["judged"] != "footage", "n"] == 24).all()
    assert not (run_folder / "leaks.parquet").exists()  # no leaks were measured


def test_two_arms_that_are_alike_are_not_called_on_few_clips(run_folder: Path) -> None:
    arms = (
        "--arms",
        "none,none-again",
        "--seeds",
        "4",
        "--steps",
        "12",
        "--batch",
        "4",
        "--rate",
        "0.01",
        "-q",
    )
    main(["adapt", str(run_folder), "--policy", str(run_folder / "given.json"), *arms])
    table = pd.read_parquet(run_folder / "adaptation.parquet")
    rows = table[
        (table["arm"] == "none-again") & (table["against"] == "none") & table["ratio"].notna()
    ]
    assert len(rows) >= 8
    assert (rows["before"] != rows["after"]).any()
    assert set(rows["verdict"]) == {"cannot tell"}
    assert (rows["tested"] < 6).all()
    assert set(rows["why"]) == {"few_clusters"}
    assert rows[["low", "high", "p"]].isna().all(axis=None)
