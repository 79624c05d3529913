"""The command from a run folder to recipes, choice and weights, on pictures whose colour wavers."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from tests.plugins.finetune.small import STEP
from vidrobust.cli.app import main
from vidrobust.models.rotation import read_head
from vidrobust.plugins.finetune.train import WEIGHTS
from vidrobust.stages.policy.measured import ADAPTATION, FOLDER
from vidrobust.stages.policy.policy import Policy

SPEC = "tests.plugins.finetune.small:network"
COMMAND = ("--seeds", "2", "--steps", "6", "--batch", "4", "--rate", "0.01", "-q")
USUAL = ["before", "plain", "colorjitter", "trivialaugment", "randaugment", "augmix"]
JITTER = "from torchvision.transforms import v2\ntransform = v2.ColorJitter(hue=0.1)\n"


def pictures(folder, lean, sway, rng):
    """24 pictures that lean to red, some by so much less that they are blue; the folder."""
    folder.mkdir(parents=True)
    for frame in range(24):
        now = lean + rng.normal(0, sway)
        # as OpenCV: blue, green, red
        colour = np.clip(np.array([120 - now, 110, 120 + now]), 0, 255)
        noise = rng.integers(-6, 7, (40, 60, 3))
        cv2.imwrite(str(folder / f"{frame:02d}.png"), (colour + noise).astype(np.uint8))
    return str(folder)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """The stage stability of four folders of pictures, red or blue, of which some frames are the other way."""
    folder = tmp_path_factory.mktemp("adapt")
    rng = np.random.default_rng(0)
    steps = [12 if clip % 2 else -12 for clip in range(4)]
    clips = [pictures(folder / f"clip-{k}", step, 14, rng) for k, step in enumerate(steps)]
    run = folder / "run"
    main(["stability", *clips, "--model", SPEC, "--out", str(run), "-q"])
    advised = Policy(steps=(STEP,), model="network", image_size=(40, 60))
    (run / "given.json").write_text(advised.to_json())
    (run / "policy.json").write_text(advised.to_json())
    (run / "mine.py").write_text(JITTER)
    main(["adapt", str(run), *given(run), *COMMAND])
    return run


def given(run):
    """A policy and a recipe of the user's own."""
    return ["--policy", str(run / "given.json"), "--recipe", str(run / "mine.py")]


def summary_of(run):
    return json.loads((run / ADAPTATION).read_text())


def held_out(run, table, column):
    """Mean and count of every two clips of a table of the run."""
    rows = pd.read_parquet(run / table)
    rows = rows[(rows["kind"] == "adjacent") & (rows["excluded"] == "")]
    clips = [mine[column].to_numpy(float) for _, mine in rows.groupby("item")]
    two = [np.concatenate([clips[a], clips[b]]) for a in range(4) for b in range(a)]
    return [(each.mean(), len(each)) for each in two]


def test_every_recipe_has_a_row_and_the_better_half_goes_on(run_folder):
    summary = summary_of(run_folder)
    rows = summary["recipes"]
    assert [row["name"] for row in rows] == [*USUAL, "policy", "policy-next-frame", "mine"]
    assert {"name", "flips", "errors", "errors_at_rest", "steps", "chosen"} <= set(rows[0])
    trained = {row["name"]: row for row in rows[1:]}
    long = {name for name, row in trained.items() if row["steps"] == 6}
    assert len(long - {"plain"}) in (3, 4)  # four of eight, among which plain may be
    assert "plain" in long
    assert all(trained[name]["seeds"] == 2 for name in long)
    short = {name: row for name, row in trained.items() if name not in long}
    assert {(row["steps"], row["seeds"]) for row in short.values()} == {(2, 1)}
    assert all(set(row["weights"]) <= set(WEIGHTS) for row in trained.values())
    chosen = [row["name"] for row in rows if row["chosen"]]
    assert chosen == [summary["chosen"]]
    best = min((row["score"], name) for name, row in trained.items() if name in long)
    assert summary["chosen"] in (best[1], "before")
    assert (rows[0]["errors"], rows[0]["errors_at_rest"]) == (None, None)  # no labels


def test_what_it_was_before_are_the_figures_of_the_run(run_folder):
    """Flips of the held-out clips, counted in the run's own table of pairs."""
    table = pd.read_parquet(run_folder / "adaptation.parquet")
    row = table[(table["recipe"] == "plain") & (table["metric"] == "flips")].iloc[0]
    expected = held_out(run_folder, "pairs.parquet", "label_flip")
    assert (float(row["before"]), int(row["n"])) in [pytest.approx(each) for each in expected]
    before = summary_of(run_folder)["recipes"][0]["flips"]
    assert before == pytest.approx(float(row["before"]))
    against = table[table["recipe"] == "policy"].groupby("against")["metric"].apply(list)
    assert against.to_dict() in ({"before": ["flips", "other"], "plain": ["flips"]},)


def test_a_second_call_trains_nothing_and_another_seed_only_itself(run_folder):
    trials = run_folder / FOLDER / "trials"
    before = {path.name: path.stat().st_mtime_ns for path in trials.glob("*.pt")}
    long = {name.rpartition("-0-6-")[0] for name in before if "-0-6-" in name}
    more = [word if word != "2" else "3" for word in COMMAND]
    main(["adapt", str(run_folder), *given(run_folder), *more])
    after = {path.name: path.stat().st_mtime_ns for path in trials.glob("*.pt")}
    assert {name: after[name] for name in before} == before
    assert {name.rpartition("-2-6-")[0] for name in set(after) - set(before)} == long


def test_calm_footage_trains_and_the_run_chooses_without_labels(run_folder, tmp_path, capsys):
    rng = np.random.default_rng(1)
    calm = tmp_path / "calm"
    for clip in range(8):
        pictures(calm / f"clip-{clip}", 20.0 if clip % 2 else -20.0, 1, rng)
    options = ["--seeds", "1", "--steps", "3", "--batch", "4", "--rate", "0.01", "--json", "-q"]
    main(["adapt", str(run_folder), "--on", str(calm), *given(run_folder), *options])
    summary = json.loads(capsys.readouterr().out)
    assert summary == summary_of(run_folder)
    names = [row["name"] for row in summary["recipes"]]
    assert names == [*USUAL, "policy", "policy-next-frame", "consensus", "mine"]
    assert summary["frames"] == {
        "training": 144,
        "unlabelled": 24,
        "validating": 24,
        "validating_at_rest": 24,
        "judging": 48,
        "judging_at_rest": 24,
    }
    assert (summary["trained_on"], summary["split_by"]) == (str(calm), "input")
    pairs = held_out(run_folder, "pairs.parquet", "label_flip")
    assert summary["recipes"][0]["flips"] in [pytest.approx(mean) for mean, _ in pairs]
    kept = next((run_folder / FOLDER / "on").iterdir())  # a run folder that can be given instead
    trials = len(list((run_folder / FOLDER / "trials").glob("*.pt")))
    main(["adapt", str(run_folder), "--on", str(kept), *given(run_folder), *options])
    assert len(list((run_folder / FOLDER / "trials").glob("*.pt"))) == trials


def test_the_runs_own_policy_is_kept_where_another_was_tried(run_folder):
    assert Policy.read(run_folder / "policy.json").measured == {}


def test_labels_heal_a_biased_network_and_the_chosen_weights_load_where_the_old_ones_did(tmp_path):
    rng, spec = np.random.default_rng(3), "tests.plugins.finetune.small:biased"
    rows = ["path,label"]
    for clip in range(8):
        kind = "red" if clip % 2 else "blue"
        folder = pictures(tmp_path / f"clip-{clip}", 12 if clip % 2 else -12, 3, rng)
        rows.append(f"{folder},{kind}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    run = tmp_path / "run"
    main(["stability", str(tmp_path / "manifest.csv"), "-m", spec, "-o", str(run), "-q"])
    main(["adapt", str(run), "--quick", "--steps", "24", "--seeds", "1", "--rate", "0.1", "-q"])
    summary = summary_of(run)
    (row,) = (row for row in summary["recipes"] if row["chosen"])
    before = summary["recipes"][0]
    assert before["errors"] > 0.3
    assert row["errors"] < 0.05
    assert summary["targets"] == "labels"
    assert summary["weights"] == str(run / FOLDER / "chosen.pt")
    assert summary["spec"] == f"{spec},weights={summary['weights']}"
    clips = [str(tmp_path / f"clip-{clip}") for clip in range(2)]
    main(["stability", *clips, "-m", summary["spec"], "-o", str(tmp_path / "again"), "-q"])
    labels = pd.read_parquet(tmp_path / "again" / "frames.parquet")
    wrong = labels["label_name"] != np.where(labels["item"].str[-1].astype(int) % 2, "red", "blue")
    assert wrong.mean() < 0.05


def test_named_recipes_alone_are_tried_beside_plain_and_leave_weights_that_load(
    tmp_path, capsys, printed
):
    """A network that subsamples: blurred, it loads where it did; the second head lies beside its weights."""
    rng, run = np.random.default_rng(5), tmp_path / "run"
    clips = [pictures(tmp_path / f"clip-{k}", 12 if k % 2 else -12, 14, rng) for k in range(4)]
    spec = "tests.plugins.finetune.small:strided"
    main(["stability", *clips, "--model", spec, "--out", str(run), "-q"])
    named = ["--only", "--recipe", "blurpool", "--recipe", "rotation", "--recipe", "mixup"]
    main(["adapt", str(run), *named, *COMMAND, "--json"])
    summary = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in summary["recipes"]}
    assert list(rows) == ["before", "plain", "blurpool", "rotation", "mixup"]
    assert {row["steps"] for name, row in rows.items() if name != "before"} == {
        6
    }  # none is left out
    assert not (run / "policy.json").exists()  # no recipe needs one
    assert "file" not in rows["mixup"]
    blur, head = rows["blurpool"], rows["rotation"]
    assert blur["spec"] == f"{spec},weights={blur['file']},blurpool=triangle-3"
    main(["stability", clips[0], "-m", blur["spec"], "-o", str(tmp_path / "again"), "-q"])
    assert head["spec"] == f"{spec},weights={head['file']}"
    main(["stability", clips[0], "-m", head["spec"], "-o", str(tmp_path / "head"), "-q"])
    assert read_head(Path(head["head"])).layer == "4"
    unfit = printed(2, "adapt", run, "-q", "--only", "--recipe", "consensus").err
    assert "--recipe consensus: does not fit this model or run" in unfit
    assert "--only is of recipes that --recipe names" in printed(2, "adapt", run, "--only").err


def test_wrong_questions_end_with_2(run_folder, tmp_path, printed):
    (tmp_path / "plain.py").write_text(JITTER)
    (tmp_path / "small.py").write_text("transform = lambda picture: picture[:, :4, :4]\n")
    for options, said in (
        (("--targets", "labels"), "none of the run's labels is a class of network"),
        (("--model", "other"), "--model other: is not in this run; models are network"),
        (("--on", str(run_folder)), "is the run itself; leave it out"),
        (("--seeds", "0"), "'--seeds': 0 is not in the range x>=1"),
        (("--steps", "2"), "'--steps': 2 is not in the range x>=3"),
        (("--recipe", "gone.py"), "--recipe gone.py: no such file"),
        (("--recipe", str(tmp_path / "plain.py")), "there is a recipe plain already"),
        (("--recipe", str(tmp_path / "small.py")), "it must keep size and type"),
    ):
        assert said in printed(2, "adapt", run_folder, "-q", *given(run_folder)[:2], *options).err


def test_quick_takes_as_many_steps_as_fit_and_makes_no_policy(run_folder, capsys):
    main(["adapt", str(run_folder), "--quick", "--seeds", "1", "--batch", "4"])
    summary = summary_of(run_folder)
    assert summary["schedule"]["steps"] % 12 == 0  # a busier machine asks the same again
    assert summary["schedule"]["steps"] >= 12
    assert summary["frames"]["training"] <= 240
    assert "about" in capsys.readouterr().err
