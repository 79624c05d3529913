"""A whole study on real line footage with a real network: every file of the contract, and its figures."""

import base64
import runpy

import numpy as np
import pytest
import torch

from tests.pipeline.conftest import BOLTS, FLOUR, NETS, run
from tests.shrunk import shrink
from vidrobust.metrics.class_differences import PAIR_COLUMNS
from vidrobust.perturb.catalogue import suite
from vidrobust.run_folder.folder import RunFolder
from vidrobust.stages.moments.pictures import OF_STRIP, _made_before
from vidrobust.tables import schema as tables

FRAMES = {"intel_preview_bolt-multi-size-detection": 37, "flour_bag_conveyor_output": 30}
UNREADABLE = ("moviepy_result.webm", "git_lfs_pointer.mp4", "torchcodec_sine_mono_s16.wav")


@pytest.fixture(scope="module")
def perturbed(corpus, models, tmp_path_factory):
    """Two clips under the whole suite; beside them four inputs that cannot be read."""
    base = tmp_path_factory.mktemp("study")
    (base / "line").mkdir()
    for name in (BOLTS, FLOUR):
        shrink(corpus / "factory" / name, base / "line")
    (base / "line" / "notes.txt").write_text("shift 2, camera cleaned\n")
    bad = [str(corpus / "faults" / name) for name in UNREADABLE]
    asked = ("--frames=2", "--strengths=0", "--quiet")
    sources = (str(base / "line"), *bad, str(base / "absent.mp4"))
    model = f"--model=onnx:{models / NETS[0]}"
    assert run("sensitivity", *sources, model, f"--out={base / 'run'}", *asked) == 3
    return RunFolder(base / "run")


def test_inputs_that_cannot_be_read_are_named_and_the_others_go_on(perturbed):
    content = perturbed.run
    assert {entry["item"]: entry["frames"] for entry in content["inputs"]} == FRAMES
    failed = {entry["path"].split("/")[-1]: entry["error"] for entry in content["failed"]}
    assert set(failed) == {*UNREADABLE, "absent.mp4"}
    assert all("\n" not in error for error in failed.values())
    assert [entry["path"].split("/")[-1] for entry in content["left_out"]] == ["notes.txt"]


def test_sensitivity_has_every_perturbation_strength_and_metric(perturbed):
    table = perturbed.table("sensitivity")
    wanted = {(p.key, s) for p in suite("natural") for s in p.strengths}
    assert set(zip(table["perturbation"], table["strength"], strict=True)) == wanted
    shown = table.groupby("item")["frame"].nunique()
    # 2 of the run; inputs that turned out to be none have no share
    assert shown.to_dict() == dict.fromkeys(FRAMES, 1)
    assert len(table) == len(wanted) * len(PAIR_COLUMNS) * shown.sum()
    assert table["value"].notna().all()
    # stronger is worse, seen over all that grows: mild against strong
    changes = table[table["metric"] == "total_variation"]
    mean = changes.groupby(["perturbation", "strength"])["value"].mean()
    several = [p.key for p in suite("natural") if len(p.strengths) > 1]
    grown = [mean[key].iloc[-1] > mean[key].iloc[0] for key in several]
    assert np.mean(grown) > 0.9


def test_every_file_of_the_contract_is_there(studied):
    folder = studied.folder
    names = ["frames", "pairs", "stability", "sensitivity", "variation", "causes", "correlation"]
    for name in names:
        table = folder.table(name)
        assert list(table.columns[: len(tables.TABLES[name])]) == list(tables.TABLES[name])
        assert len(table)
    for name in ("metrics.json", "policy.json", "run.json", "moments.json"):
        assert folder.read_json(name)
    for name in ("policy_torchvision.py", "report.html"):
        assert (folder.path / name).stat().st_size > 100
    assert not list(folder.path.rglob("*.part"))


def test_headlines_are_those_of_the_tables(studied):
    pairs = studied.folder.table("pairs")
    ((_, found),) = studied.folder.read_json("metrics.json")["models"].items()
    near = pairs[pairs["kind"] == "adjacent"]
    good = near[near["excluded"] == ""]
    assert len(near) == 29
    assert found["flip_rate"]["n"] == len(good)
    assert found["flip_rate"]["value"] == pytest.approx(good["label_flip"].mean())
    assert found["total_variation"]["value"] == pytest.approx(good["total_variation"].mean())
    rows = studied.folder.table("stability").set_index("metric")["value"]
    assert rows["noise_floor_total_variation"] < 1e-3


def test_policy_follows_the_contract_and_its_file_runs_on_its_own(studied):
    policy = studied.folder.read_json("policy.json")
    assert (policy["schema"], policy["steps"]) == (2, [])
    (row,) = policy["rejected"]
    # of two pairs; a step needs ten
    assert (row["perturbation"], row["why"]) == ("brightness", "few_pairs")
    assert row["reason"]
    assert "light" in policy["evaluation_only"]
    file = studied.run / "policy_torchvision.py"
    assert "vidrobust." not in file.read_text()
    picture = torch.zeros(3, 64, 96, dtype=torch.uint8)
    assert runpy.run_path(str(file))["train_transform"]()(picture).shape == picture.shape


def test_moments_have_their_pictures(studied):
    moments = studied.folder.read_json("moments.json")["moments"]
    assert moments
    for moment in moments:
        for side in ("a", "b"):
            assert (studied.run / moment[f"picture_{side}"]).stat().st_size > 500
        assert moment["flip"] == (moment["label_a"] != moment["label_b"])


def test_a_worst_moment_shows_the_strip_that_the_account_has_replayed(studied, tmp_path):
    strips = studied.folder.table("strips")
    pair, rows = next(iter(strips[strips["excluded"] == ""].groupby(OF_STRIP)))
    (tmp_path / "moments").mkdir()
    moment = dict(zip(OF_STRIP, pair, strict=True))
    shown = list(_made_before(tmp_path, 7, moment, rows.sample(frac=1, random_state=0)))
    assert [tile["title"] for tile in shown] == rows.sort_values("place")["title"].tolist()
    for tile, picture in zip(shown, rows.sort_values("place")["picture"], strict=True):
        assert (tmp_path / tile["picture"]).read_bytes() == base64.b64decode(picture)
    frames = [tile["frame"] for tile in shown]
    assert {frames[0], frames[-1]} == set(pair[2:])
    assert set(frames[1:-1]) == {None}
    assert list(_made_before(tmp_path, 7, moment, rows.assign(excluded="no_texture"))) == []


def test_nothing_readable_is_exit_code_3(models, tmp_path, printed):
    missing, model = f"{tmp_path}/none.mp4", f"--model=onnx:{models}/{NETS[0]}"
    summary = printed(3, "study", missing, model, f"--out={tmp_path}/run").err
    assert summary.count("error: ") == summary.count(f"No such file: {missing}") == 1
    assert not (tmp_path / "run").exists()  # a typo leaves nothing behind
