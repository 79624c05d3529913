"""The table of engines: every way listed, figures that can be checked, flips counted on a clip."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from vidrobust.cli.tools import engines
from vidrobust.errors import SettingsError
from vidrobust.models.engines.choose import compare_engines
from vidrobust.models.load import load_as_it_is

NET = "mobilenet_v1_0.25_128.onnx"


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDROBUST_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def test_every_way_is_a_row_and_float32_agrees(models: Path, teddy: torch.Tensor) -> None:
    """Flips of int8 are counted again from a session on the quantised file that the row was made from."""
    rows = compare_engines(load_as_it_is(f"onnx:{models / NET}"), teddy)
    ways = {(row["engine"], row["precision"]) for row in rows}
    assert ways >= {("openvino", "float32"), ("onnxruntime", "float32"), ("onnxruntime", "int8")}
    assert (rows[0]["speed"], rows[0]["flips"], rows[0]["difference"]) == (1.0, 0, 0.0)
    for row in rows:
        if row["frames"]:
            assert row["frames_per_s"] > 0
            assert math.isclose(row["speed"], row["frames_per_s"] / rows[0]["frames_per_s"])
        if row["precision"] == "float32":
            assert (row["flips"], row["why"]) == (0, "")
            assert row["difference"] < 1e-4
        elif row["precision"] == "int8" and row["frames"]:
            assert row["difference"] > 1e-3


def test_a_callable_has_no_engines(teddy: torch.Tensor) -> None:
    class Own:
        name, class_names, task = "own", ("a", "b"), "classification"

        def __call__(self, pixels: torch.Tensor) -> None: ...

    with pytest.raises(SettingsError, match="engines are compared for networks; this is a callable"):
        compare_engines(Own(), teddy)


def test_the_command(models: Path, corpus: Path) -> None:
    clip = corpus / "objects" / "cotracker_cat.mp4"
    group = click.Group()
    group.add_command(engines)
    done = CliRunner().invoke(
        group, ["engines", str(clip), "--model", f"onnx:{models / NET}", "--frames", "6", "--json"]
    )
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    assert {row["frames"] for row in rows} <= {0, 6}
    assert rows[0]["engine"].startswith("onnxruntime")
    assert np.isclose(rows[0]["speed"], 1)
