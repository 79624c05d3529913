"""A run with labels, on a real clip of a cat: metrics, gates, comparison and report, by the command line."""

import json
import shutil

import pytest

from tests.pipeline.conftest import NETS, run, written
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability import labels_section

CATS = (281, 282, 283, 284, 285)  # clip_labels.csv of the corpus


def labels_in(folder, clip, label):
    path = folder / "labels.csv"
    path.write_text(f"path,label\n{clip},{label}\n")
    return path


@pytest.fixture(scope="module")
def judged(corpus, models, tmp_path_factory):
    """The clip with its labels, a run for each of two networks."""
    base = tmp_path_factory.mktemp("judged")
    clip = corpus / "objects" / "cotracker_cat.mp4"
    labels = labels_in(base, clip, ";".join(map(str, CATS)))
    folders = []
    for net in NETS:
        out = base / net
        options = (f"--model=onnx:{models / net}", f"--labels={labels}", f"--out={out}", "--quiet")
        assert run("stability", str(clip), *options) == 0
        folders.append(out)
    return folders[0], folders[1]


def test_the_metrics_are_those_of_the_frames(judged):
    folder = RunFolder.existing(judged[0])
    right = folder.table("frames")["label"].isin(CATS).to_numpy()
    ((model, summary),) = folder.read_json("metrics.json")["models"].items()
    assert summary["top1"]["value"] == pytest.approx(right.mean())
    assert summary["top1"]["low"] < summary["top1"]["value"] < summary["top1"]["high"]
    anchors = range(0, len(right), 20)  # the clip has 20 frames a second
    pm = {k: [right[max(0, a - k) : a + k + 1].all() for a in anchors] for k in (0, 1, 4, 10)}
    shares = [sum(v) / len(v) for v in pm.values()]
    assert [summary[f"pm{k}"]["value"] for k in pm] == pytest.approx(shares)
    near = [
        right[b]
        for a in anchors
        if right[a]
        for b in range(max(0, a - 10), min(len(right), a + 11))
        if b != a
    ]
    assert summary["conditional_robustness"]["value"] == pytest.approx(sum(near) / len(near))
    assert summary["conditional_robustness"]["n"] == len(near)
    leading = folder.table("probabilities").query("label >= 0").groupby("frame").head(5)
    among_five = leading["label"].isin(CATS).groupby(leading["frame"]).any().mean()
    assert summary["top5"]["value"] == pytest.approx(among_five)
    by = folder.table("stability_by").query("by == 'label' and metric == 'top1'")
    found = by[["model", "value", "n"]].to_numpy().tolist()
    assert found == [[model, pytest.approx(right.mean()), len(right)]]
    assert folder.run["judged"][model]["anchors"] == len(anchors)


def test_gates_know_them(judged):
    (summary,) = RunFolder.existing(judged[0]).read_json("metrics.json")["models"].values()
    value = summary["top1"]["value"]
    assert run("gate", str(judged[0]), "--fail-if", f"top1 < {value + 0.01}") == 1
    assert run("gate", str(judged[0]), "--fail-if", f"top1 < {value - 0.01}") == 0


def test_two_networks_are_compared_by_who_is_right(judged, printed):
    found = json.loads(printed(0, "compare", *map(str, judged), "--json").out)
    tables = (RunFolder.existing(path).table("frames") for path in judged)
    a, b = (table["label"].isin(CATS).to_numpy() for table in tables)
    flips = (int((a & ~b).sum()), int((~a & b).sum()))
    assert (found["negative_flips"], found["positive_flips"]) == flips
    assert 0 < found["mcnemar_p"] <= 1
    top1 = found["metrics"]["top1"]
    assert top1["difference"] == pytest.approx(b.mean() - a.mean())
    if top1["low"] is not None and top1["low"] > top1["margin"]:
        assert top1["verdict"] == "better"
    assert found["metrics"]["pm10"]["n"] == len(range(0, len(a), 20))


def test_other_labels_are_other_figures_of_the_same_parts(corpus, judged, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(judged[0], folder)
    clip = corpus / "objects" / "cotracker_cat.mp4"
    before = written(folder / "cache")
    wrong = labels_in(tmp_path, clip, "teddy")
    (model,) = RunFolder.existing(folder).read_json("metrics.json")["models"]
    assert run("stability", str(folder), f"--labels={wrong}") == 0
    summary = RunFolder.existing(folder).read_json("metrics.json")["models"][model]
    right = RunFolder.existing(folder).table("frames")["label_name"] == "teddy"
    assert summary["top1"]["value"] == pytest.approx(right.mean())
    labels_in(tmp_path, clip, "no such thing")
    capsys.readouterr()
    assert run("stability", str(folder), f"--labels={wrong}") == 0
    said = "has no class for the label no such thing; left out: 87 frames without another label"
    assert said in capsys.readouterr().err
    assert "top1" not in RunFolder.existing(folder).read_json("metrics.json")["models"][model]
    assert not len(RunFolder.existing(folder).table("label_answers"))
    after = written(folder / "cache")
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    assert not [path for path in changed if path.endswith("parquet")]
    (sentence,) = labels_section.basis(RunTables(folder))
    assert "for 1 label (no such thing); 87 frames with no other label" in sentence


def test_the_report_tells_them_apart(judged):
    assert run("report", str(judged[1]), "--quiet") == 0
    page = (judged[1] / "details.html").read_text()
    start = page.index('<section id="labels">')
    section = page[start : page.index("</section>", start)]
    assert "87 of 87 frames have labels, 5 anchors" in section
    assert "right answers (top-1)" in section
    assert "tabby or tiger cat or Persian cat and 2 more" in section
    assert "(top-1)" not in page[page.index('<section id="metrics">') : start]
