"""The planted share of the demo, by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from vidrobust.finished_runs.demo import demos
from vidrobust.plugins.line.lamp import planted_share
from vidrobust.run_folder.folder import SCHEMA
from vidrobust.run_folder.reader import RunTables


def run_of(monkeypatch, folder, logits):
    """Two classes whose logits are plus and minus the given ones, a frame each."""
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"schema": SCHEMA, "settings": {}, "stages": {}}))
    rows = []
    for frame, z in enumerate(logits):
        p = np.exp([z, -z]) / np.exp([z, -z]).sum()
        rows += [("a", frame, label, float(p[label])) for label in (0, 1)]
    probabilities = pd.DataFrame(rows, columns=["item", "frame", "label", "probability"])
    pairs = pd.DataFrame({"frame_a": range(len(logits) - 1)})
    of = {"item": "a", "model": "net", "kind": "adjacent", "excluded": ""}
    pairs = pairs.assign(**of, frame_b=pairs["frame_a"] + 1)
    run = RunTables(folder)
    monkeypatch.setattr(run, "rows", {"pairs": pairs, "probabilities": probabilities}.__getitem__)
    return run


def test_what_is_gone_with_the_lamp_still_is_planted(monkeypatch, tmp_path):
    # changes 3, -2 with the flicker and 1, 0 without: (3 * 2 + 2 * 2) / (9 + 4)
    flickers = run_of(monkeypatch, tmp_path / "a", [0.0, 3.0, 1.0])

    def logits(values):
        at = pd.MultiIndex.from_product([["a"], range(3)])
        return pd.DataFrame([[z, -z] for z in values], index=at)

    assert planted_share(flickers, logits([0.0, 1.0, 1.0])) == pytest.approx(10 / 13)
    assert planted_share(flickers, logits([0.0, 3.0, 1.0])) == pytest.approx(0)


def test_the_lamp_comes_first_and_the_bottles_stay():
    assert next(iter(demos())) == "lamp"
    assert {"bottles", "line"} < set(demos())
