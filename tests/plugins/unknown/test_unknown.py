"""Scores of unknown pictures on a real clip, held against the formulas of their papers, and what is said of them."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from tests.pipeline.conftest import run, stability
from vidrobust.models.load import load_model
from vidrobust.plugins.unknown.answers import details, lines, statements
from vidrobust.plugins.unknown.plugin import APART, TOGETHER
from vidrobust.plugins.unknown.readout import ODIN_STEP, distances, reader_of
from vidrobust.plugins.unknown.study import auroc, together
from vidrobust.run_folder.reader import RunTables
from vidrobust.video.source import open_video

NET = "efficientnet-lite0"
SCORES = ["neighbours", "energy", "odin", "rotation", "max_softmax", "jitter"]


@pytest.fixture(scope="module")
def asked(corpus, models, tmp_path_factory):
    """A run of a torch module and of an ONNX file on two seconds of a dog, asked beside real pictures of ImageNet."""
    folder = tmp_path_factory.mktemp("unknown")
    known = folder / "known"
    known.mkdir()
    for file in sorted((corpus / "imagenet_sample").glob("*.JPEG"))[::40]:
        shutil.copy(file, known)
    clip, onnx = corpus / "objects" / "sam2_01_dog.mp4", models / "mobilenet_v2_1.0_224.onnx"
    more = (f"--model=onnx:{onnx}", "--end-s=2", "--every=2")
    assert stability(clip, NET, folder / "run", *more) == 0
    assert run("unknown", str(folder / "run"), f"--known={known}", "--frames=30", "--quiet") == 0
    return folder / "run"


@pytest.fixture(scope="module")
def pictures(corpus):
    with open_video(corpus / "objects" / "sam2_01_dog.mp4", device="cpu", prefetch=0) as source:
        return source.at([0, 20, 40]).pixels


def test_the_area_under_the_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    score, event = rng.integers(0, 9, 80).astype(float), rng.random(80) < 0.3
    assert auroc(score, event) == pytest.approx(roc_auc_score(event, score))
    assert np.isnan(auroc(score, np.ones(80, bool)))


def test_scores_are_those_of_the_papers(pictures):
    model = load_model(NET)
    found, network = reader_of(model)(pictures), model.network
    inputs = network.preprocess(pictures)
    logits = network.module(inputs).detach().double().numpy()
    # Liu et al. 2020, equation 4 with T = 1
    np.testing.assert_allclose(found["energy"], -np.log(np.exp(logits).sum(axis=1)), rtol=1e-6)
    # Liang et al. 2018, equation 2: against the gradient of the loss of the answer at temperature 1000
    moved = inputs.clone().requires_grad_()
    scaled = network.module(moved) / 1000
    torch.nn.functional.cross_entropy(scaled, scaled.argmax(dim=1)).backward()
    std = torch.tensor(network.preprocess.std).view(1, 3, 1, 1) / 255
    again = network.module(inputs - ODIN_STEP * moved.grad.sign() / std).detach() / 1000
    np.testing.assert_allclose(found["odin"], -again.softmax(dim=1).max(dim=1).values, rtol=1e-5)
    # what goes into the head gives, through the head, the logits
    head = reader_of(model).head
    np.testing.assert_allclose(
        head(torch.from_numpy(found["features"])).detach(), logits, rtol=1e-3, atol=1e-3
    )


def test_the_distance_is_that_to_the_fifth_neighbour_by_hand():
    rng = np.random.default_rng(1)
    known, asked = rng.normal(size=(12, 6)), rng.normal(size=(4, 6))
    unit = [a / np.linalg.norm(a, axis=1, keepdims=True) for a in (known, asked)]
    every = np.linalg.norm(unit[1][:, None] - unit[0][None], axis=2)
    np.testing.assert_allclose(distances(known, [asked])[0], np.sort(every, axis=1)[:, 4])


def test_a_rotation_head_beside_the_weights_is_found_and_read(pictures, tmp_path):
    model, weights = load_model("line-classifier"), tmp_path / "chosen.pt"
    torch.save(model.network.module.state_dict(), weights)
    torch.manual_seed(0)
    layer = torch.nn.Linear(reader_of(model).head.in_features, 4)
    torch.save(layer.state_dict(), tmp_path / "chosen.rotation.pt")
    own = load_model(f"line-classifier,weights={weights}")
    reader = reader_of(own)
    assert "rotation" not in reader.lacks
    # turned by hand; the head's answers through its own weights
    cut, losses = own.network.preprocess.cut(pictures), []
    for turn in range(4):
        turned = torch.from_numpy(np.rot90(cut.numpy(), turn, (2, 3)).copy())
        features = reader._features(own.network.preprocess.normalise(turned))
        z = features @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        losses.append(np.log(np.exp(z).sum(axis=1)) - z[:, turn])
    np.testing.assert_allclose(reader(pictures)["rotation"], np.mean(losses, axis=0), rtol=1e-4)


def test_the_table_has_every_score_and_says_why_one_cannot_be_had(asked):
    rows = pd.read_parquet(asked / "unknown.parquet").set_index(["model", "score"])
    nets = dict(rows.groupby("model", sort=False).groups)
    assert [list(rows.loc[name].index) for name in nets] == [SCORES, SCORES]
    torch_net, onnx_net = (rows.loc[name] for name in nets)
    assert torch_net.index[torch_net["why"] != ""].tolist() == ["rotation", "jitter"]
    # an exported network has no gradients and no features
    assert {"neighbours", "odin", "rotation"} <= set(onnx_net.index[onnx_net["why"] != ""])
    had = rows[rows["why"] == ""]
    assert had["auroc"].between(0, 1).all()
    assert (had["known"] == 25).all()
    assert rows[rows["leads"]].index.get_level_values("score").tolist()[0] == "neighbours"
    frames = pd.read_parquet(asked / "unknown_frames.parquet")
    for (model, score), row in had.iterrows():
        own = frames[(frames["model"] == model) & (frames["score"] == score)]
        assert (own["value"] > row["threshold"]).mean() == pytest.approx(row["share"])
    listed = json.loads((asked / "unknown.json").read_text())["least_known"][NET]
    energy = frames[(frames["model"] == NET) & (frames["score"] == "neighbours")]
    assert listed[0]["frame"] == energy.loc[energy["value"].idxmax(), "frame"]


def test_a_known_run_holds_the_jitter_against_the_jitter_of_known_footage(asked, corpus, tmp_path):
    cups = corpus / "objects" / "sam2_02_cups.mp4"
    assert stability(cups, NET, tmp_path / "cups", "--end-s=1") == 0
    assert run("unknown", str(tmp_path / "cups"), f"--known={asked}", "--frames=20", "-q") == 0
    row = pd.read_parquet(tmp_path / "cups" / "unknown.parquet").set_index("score").loc["jitter"]
    sides = []
    for folder in (asked, tmp_path / "cups"):
        triples = pd.read_parquet(folder / "triples.parquet")
        own = triples[triples["model"] == NET].reset_index(drop=True)
        places = np.unique(np.linspace(0, len(own) - 1, 20).round().astype(int))
        sides.append(own["jitter"].iloc[places].dropna())
    expected = roc_auc_score(np.repeat([0, 1], list(map(len, sides))), np.concatenate(sides))
    assert row["auroc"] == pytest.approx(expected)


def _series(rng, memory, clips, frames):
    """Series of as many clips, each with so much memory from frame to frame."""
    noise = rng.normal(size=(frames + 200, clips))
    for at in range(1, len(noise)):
        noise[at] += memory * noise[at - 1]
    return noise[200:].T.ravel() / noise.std()


@pytest.mark.parametrize("clips", [1, 10])
def test_series_with_memory_that_have_nothing_to_do_with_each_other_are_hardly_ever_together(clips):
    verdicts = {True: [], False: []}
    rows = pd.DataFrame(
        {
            "item": np.repeat([f"clip {k}" for k in range(clips)], 300 // clips),
            "time_s": np.tile(np.arange(300 // clips) / 25, clips),
        }
    )
    for seed in range(40):
        rng = np.random.default_rng(seed)
        score, other = (_series(rng, 0.95, clips, 300 // clips) for _ in range(2))
        for linked in verdicts:
            jitter = np.exp(other + 1.5 * linked * score)
            of = rows.assign(score=score, jitter=jitter, above=score > np.quantile(score, 0.75))
            found = together(of)
            verdicts[linked].append(found["verdict"] == TOGETHER)
    # at 5 % five or more of 40 come by chance in 5 % of cases
    assert sum(verdicts[False]) <= 4
    assert sum(verdicts[True]) >= 32


def test_page_one_says_that_it_is_unstable_where_it_does_not_know_and_else_nothing(asked, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(asked, folder)
    table = pd.read_parquet(folder / "unknown.parquet")
    of_net = (table["model"] == NET) & table["leads"]

    def said(verdict):
        table.loc[of_net, ["verdict", "correlation", "low", "high", "n"]] = [
            verdict,
            0.5,
            0.3,
            0.7,
            300,
        ]
        table.to_parquet(folder / "unknown.parquet")
        return [each for each in statements(RunTables(folder)) if each.model == NET]

    assert said(APART) == []
    (statement,) = said(TOGETHER)
    assert (statement.kind, statement.value) == ("unstable_where_unknown", 0.5)
    assert run("report", str(folder), "--quiet") == 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "less stable where it does not know the data" in page
    # a stability that was computed anew speaks of other frames
    file = json.loads((folder / "unknown.json").read_text())
    (folder / "unknown.json").write_text(json.dumps({**file, "stability": "another"}))
    assert said(TOGETHER) == []
    assert details(RunTables(folder), lambda pictures: pictures) == ""


def test_console_and_details_show_the_same_rows(asked):
    text, html = "\n".join(lines(RunTables(asked))), details(RunTables(asked), lambda kept: kept)
    why = "needs gradients, which an exported network does not give"
    assert why in text
    assert why in html
    assert text.count("Least known") == html.count("Least known") == 2


def test_detectors_and_empty_folders_are_refused(models, corpus, tmp_path, printed):
    boxes = f"onnx:{models / 'yolox_nano.onnx'}"
    clip = corpus / "objects" / "sam2_02_cups.mp4"
    assert stability(clip, boxes, tmp_path / "boxes", "--end-s=0.4") == 0
    assert "detectors have no such scores" in printed(3, "unknown", tmp_path / "boxes", "-q").err
    assert stability(clip, NET, tmp_path / "run", "--end-s=0.4") == 0
    (tmp_path / "none").mkdir()
    refused = printed(3, "unknown", tmp_path / "run", f"--known={tmp_path / 'none'}", "-q").err
    assert "0 pictures" in refused
    assert "No such folder" in printed(3, "unknown", tmp_path / "run", "--known=gone", "-q").err
