"""Several runs read as one."""

import pandas as pd
import pytest

from vidrobust.plugins.pooled_runs.runs import PooledRuns
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings


def made(path, clips, nets):
    """A run with clips (name -> content) and models (name -> weights), a row of sensitivity each."""
    folder = RunFolder.create(path, Settings())
    folder.update(
        inputs=[{"item": name, "sha256": content} for name, content in clips.items()],
        models=[{"name": name, "weights_sha256": weights} for name, weights in nets.items()],
    )
    rows = [
        {"model": net, "item": clip, "frame": 0, "perturbation": "hue", "strength": 1.0, "draw": 0}
        | {"metric": "total_variation", "value": float(number)}
        for number, (net, clip) in enumerate((n, c) for n in nets for c in clips)
    ]
    folder.write_table("sensitivity", pd.DataFrame(rows))
    return folder


@pytest.fixture
def pooled(tmp_path):
    a = made(tmp_path / "a", {"one": "c1", "two": "c2"}, {"net": "w1"})
    b = made(tmp_path / "b", {"again": "c2", "one": "c3"}, {"net": "w1", "other": "w2"})
    c = made(tmp_path / "c", {"one": "c1"}, {"net": "w9"})
    return PooledRuns([a, b, c])


def test_what_a_model_did_on_a_clip_counts_once(pooled):
    table = pooled.table("sensitivity")
    assert not table.duplicated(["model", "item", "frame"]).any()
    pairs = set(zip(table["model"], table["item"], strict=True))
    # b's "again" is a's "two", b's "one" is another clip, c's "net" another model
    assert pairs == {
        ("net", "one"), ("net", "two"), ("net", "b/one"),
        ("other", "two"), ("other", "b/one"),
        ("c/net", "one"),
    }  # fmt: skip
    assert pooled.clips == 3


def test_models_of_all_runs_are_there_under_their_names(pooled):
    assert [m["name"] for m in pooled.run["models"]] == ["net", "other", "c/net"]


def test_a_clip_belongs_to_the_first_run_that_holds_it(pooled):
    assert pooled.run_of == {"one": "a", "two": "a", "b/one": "b"}
