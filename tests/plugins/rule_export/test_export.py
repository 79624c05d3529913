"""A rule that was taken away does on footage, to the last digit, what the table says."""

import ast
import runpy
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.made_frames import batch_of
from vidrobust.cli.app import main
from vidrobust.errors import SettingsError
from vidrobust.frame_pairs.transitions import FrameTransitions
from vidrobust.metrics.catalogue import metrics_of
from vidrobust.metrics.class_meter import ClassMeter
from vidrobust.metrics.metric import AlongTime
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.models.load import load_model
from vidrobust.plugins.rule_export.take_away import export
from vidrobust.predictions import Classifications
from vidrobust.stages.remedies.catalogue import BOX_RULES, LABEL_RULES, box_rule
from vidrobust.stages.remedies.study import FootageTables, study_classifier
from vidrobust.video.selection import Selection
from vidrobust.video.source import open_video

MODEL, CLIP, SECONDS = "tests.plugins.rule_export.test_export:reddest", "cars.mp4", 4.0


ROW = {"metric": "flip_rate", "before": 0.3, "after": 0.1, "ratio": 1 / 3, "low": 0.2, "high": 0.5}
ROW |= {"verdict": "helps", "n": 99, "delay_frames": 2.0, "delay_ms": 80.0, "agreement": 0.9}
ROW |= {"mean_delay_frames": float("nan")}


def made(file):
    """The rule of an exported file, run by itself."""
    return runpy.run_path(str(file))["make_rule"]()


class Reddest:
    """A classifier that changes its answer as cars pass: which of eight places along the street is the reddest."""

    name, task, version = "reddest", "classification", "1"
    class_names = tuple(f"place {k}" for k in range(8))

    def __call__(self, pixels):
        red = torch.nn.functional.adaptive_avg_pool2d(pixels.float(), 8)[:, 0, 5]
        return Classifications((red / 20).softmax(dim=1).numpy(), self.class_names)


def reddest():
    return Reddest()


@pytest.fixture(scope="module")
def run(public_clips, tmp_path_factory):
    """The remedies of a classifier on four seconds of a street."""
    run = tmp_path_factory.mktemp("remedies") / "run"
    asked = ("-m", MODEL, "-o", str(run), f"--end-s={SECONDS}", "-q")
    main(["remedies", str(public_clips / CLIP), *asked])
    return run


def usable(run):
    """The second frames of pairs that count."""
    pairs = pd.read_parquet(run / "pairs.parquet").query("kind == 'adjacent' and excluded == ''")
    return pairs["frame_b"].to_numpy()


def begins(run):
    """Whether something new begins with a frame."""
    reason = pd.read_parquet(run / "transitions.parquet")["reason"]
    return ~reason.isin(["", "duplicate"]).to_numpy()


def votes(labels, frames):
    """The label that most of the last so many frames have, the one before where there is no such."""
    shown = []
    for end in range(1, len(labels) + 1):
        counts = Counter(labels[max(0, end - frames) : end].tolist())
        first = [label for label, count in counts.items() if count == max(counts.values())]
        shown.append(first[0] if len(first) == 1 else shown[-1])
    return shown


def margins(rows, margin):
    """The most probable class of rows (N, K) once it leads the one that is shown by more than the margin."""
    shown = [int(rows[0].argmax())]
    for row in rows[1:]:
        top = int(row.argmax())
        shown.append(top if row[top] - row[shown[-1]] > margin else shown[-1])
    return shown


def test_majority_and_hysteresis_are_counted_by_hand_from_the_files_of_the_run(run):
    labels = pd.read_parquet(run / "frames.parquet")["label"].to_numpy()
    listed = pd.read_parquet(run / "probabilities.parquet")
    p = listed.pivot(index="frame", columns="label", values="probability").to_numpy()
    pieces = np.split(np.arange(len(labels)), np.flatnonzero(begins(run)[1:]) + 1)
    pairs = usable(run) - 1
    table = pd.read_parquet(run / "remedies.parquet").query("metric == 'flip_rate'")
    table = table.set_index("remedy")
    assert table.loc["majority-5", "before"] == np.mean(np.diff(labels)[pairs] != 0) > 0
    by_hand = {f"majority-{n}": (votes, labels, n) for n in (3, 5, 9, 15)}
    by_hand |= {f"hysteresis-{m}": (margins, p, m) for m in (0.05, 0.1, 0.3)}
    for name, (rule, answers, amount) in by_hand.items():
        shown = np.concatenate([rule(answers[rows], amount) for rows in pieces])
        assert table.loc[name, "after"] == np.mean(np.diff(shown)[pairs] != 0), name
        assert table.loc[name, "agreement"] == np.mean(shown == labels), name


def test_exported_rules_reproduce_the_table_on_real_footage(public_clips, run, tmp_path):
    clip = public_clips / CLIP
    table = pd.read_parquet(run / "remedies.parquet").set_index(["remedy", "metric"])
    model = load_model(MODEL)
    with open_video(clip, selection=Selection(end_s=SECONDS)) as video:
        p = np.concatenate([model(batch.pixels).probabilities for batch in video.batches(16)])
    assert table.loc[("majority-5", "flip_rate"), "before"] > 0.2
    for name in ("majority-5", "k-of-n-2-6-5", "mean-0.3", "median-5", "hysteresis-0.05"):
        file = tmp_path / f"{name}.py"
        main(["remedies", str(run), "--export", str(file), "--rule", name, "-q"])
        rule, summary = made(file), []
        for row, begin in zip(p.tolist(), begins(run), strict=True):
            if begin:
                rule.reset()
            summary.append(rule.update(row))
        flips, alike = np.diff(summary)[usable(run) - 1] != 0, summary == p.argmax(axis=1)
        found = table.loc[(name, "flip_rate")]
        assert (found["after"], found["agreement"]) == (flips.mean(), alike.mean())


def test_of_a_thousand_classes_the_class_sees_what_the_table_kept(tmp_path):
    rng = np.random.default_rng(4)
    names = tuple(f"class {k}" for k in range(200))
    logits = 2 * rng.normal(size=200) + 1.5 * rng.normal(size=(120, 200))
    said = Classifications.from_logits(logits, names)
    n = len(logits)
    meter = ClassMeter("clip", "m", AlongTime(), metrics_of("classification"))
    reason = np.array(["first", *[""] * (n - 1)], object)
    still = {"pixel_change": np.zeros(n), "shift": np.zeros((n, 2)), "keyframe": np.zeros(n, bool)}
    links = FrameTransitions(reason=reason, **still)
    batch = batch_of(torch.zeros((n, 3, 8, 8), dtype=torch.uint8), item="clip")
    meter.feed(batch, links, said)
    time_s = np.arange(n) / 25
    rows = {"item": "clip", "frame": np.arange(n), "time_s": time_s, "reason": reason}
    transitions = pd.DataFrame(rows)
    footage = FootageTables(transitions=transitions, sizes={}, parts={}, labels=pd.DataFrame())
    found = study_classifier("m", meter.finish(), footage, max_delay_ms=200)
    rows = {(row["remedy"], row["metric"]): row for row in found.rows}
    for name in ("mean-0.3", "hysteresis-0.1", "median-3"):
        file = tmp_path / f"{name}.py"
        export(file, name, "m", [{**ROW, **rows[name, "flip_rate"]}], rest=found.rest)
        rule = made(file)
        summary = np.array([rule.update(row) for row in said.probabilities])
        assert np.mean(np.diff(summary) != 0) == rows[name, "flip_rate"]["after"]
    assert "leading ten" in rows["mean-0.3", "jitter"]["note"]


def test_several_clips_make_one_rule_before_and_after_their_run_is_there(public_clips, tmp_path):
    clips = [str(public_clips / name) for name in (CLIP, "cups.mp4")]
    given = ["remedies", *clips, "-m", MODEL, "-o", str(tmp_path / "run"), "--end-s=0.5", "-q"]
    for file in (tmp_path / "first.py", tmp_path / "again.py"):
        main([*given, "--export", str(file), "--rule", "majority-3"])
    assert (tmp_path / "first.py").read_bytes() == (tmp_path / "again.py").read_bytes()
    table = pd.read_parquet(tmp_path / "run" / "remedies.parquet")
    assert len(set(pd.read_parquet(tmp_path / "run" / "frames.parquet")["item"])) == 2
    metrics = table.loc[table["remedy"] == "majority-3", "metric"]
    assert set(metrics) == {"flip_rate", "revert_flip_rate"}


@pytest.mark.parametrize("name", BOX_RULES)
def test_exported_rules_on_boxes_show_what_they_showed_in_the_study(name, tmp_path):
    settings = TrackSettings(start_score=0.6, keep_score=0.2)
    export(tmp_path / "rule.py", name, "m", [ROW], settings=settings)
    rng = np.random.default_rng(1)
    mine, other = made(tmp_path / "rule.py"), box_rule(name, settings)
    for _ in range(40):
        corners = np.repeat([[0.0, 0.0], [60.0, 10.0]], 1, axis=0) + rng.normal(0, 2, (2, 2))
        boxes = [
            (*c, c[0] + 30, c[1] + 40, float(s), int(k))
            for c, s, k in zip(corners.tolist(), rng.random(2), rng.integers(0, 2, 2), strict=True)
        ]
        assert mine.update(boxes) == other.update(boxes)


def test_classes_are_short_and_need_nothing_and_pass_ruff_as_it_comes(tmp_path):
    for name in (*LABEL_RULES, *BOX_RULES):
        settings, file = TrackSettings() if name in BOX_RULES else None, tmp_path / f"{name}.py"
        export(file, name, 'a "model" C:\\net ', [ROW], rest=0, settings=settings)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                assert (node.end_lineno or 0) - node.lineno < 80
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert modules <= {"__future__", "collections.abc", "typing"}
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check"], ["format", "--check"]):
        subprocess.run([ruff, *command, "--isolated", tmp_path], check=True, capture_output=True)


def test_the_numbers_stand_beside_it(tmp_path):
    export(tmp_path / "rule.py", "k-of-n-2-6-5", 'a "model"', [ROW], rest=3)
    summary = tomllib.loads((tmp_path / "rule.toml").read_text(encoding="utf-8"))
    amounts = {"k_in": 2, "frames": 6, "k_out": 5, "rest": 3}
    named = {"name": "k-of-n-2-6-5", "kind": "KOfN", "model": 'a "model"'}
    assert summary["rule"] == named | amounts
    assert summary["measured"][0]["ratio"] == 1 / 3


def test_a_file_that_is_no_python_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="expected a file that ends in"):
        export(tmp_path / "rule.txt", "majority-5", "m", [ROW])
