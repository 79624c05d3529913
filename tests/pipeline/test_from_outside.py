"""A model that fails is named and the others go on; a metric of another package needs no change here."""

import sys

import numpy as np
import pytest

from tests.apart import install
from tests.pipeline.conftest import FLOUR, run
from tests.test_additions import METRIC
from vidrobust import extensions
from vidrobust.metrics import catalogue

MODELS = '''
import numpy as np
from tests.fuzz.tiny import Bright
from vidrobust.predictions import Classifications


class Broken(Bright):
    """Answers with NaN on frames as large as the line's, and well on the smaller ones of a check beforehand."""

    name = "broken"

    def __call__(self, pixels):
        found = super().__call__(pixels)
        if pixels.shape[-1] < 200:
            return found
        return Classifications(found.probabilities * np.nan, self.class_names)


bright, broken = Bright(), Broken()
'''


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A folder on the path that other people's modules lie in."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "line_models.py").write_text(MODELS)
    code = METRIC.new["hellinger.py"] + 'NO_METRIC = "hellinger"\n'
    (folder / "line_metrics.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    catalogue.provided.cache_clear()
    yield folder
    catalogue.provided.cache_clear()
    extensions._installed.cache_clear()
    for name in ("line_models", "line_metrics"):
        sys.modules.pop(name, None)


def bring(folder, names, version="1.0"):
    """An entry point of the package line-metrics names a metric."""
    points = f"[vidrobust.metrics]\nhellinger = line_metrics:{names}\n"
    install(folder, "line-metrics", points, version)
    extensions._installed.cache_clear()
    catalogue.provided.cache_clear()


def test_a_model_that_fails_is_named_and_the_others_go_on(code, line, said):
    (line.sources / FLOUR).unlink()
    assert run(*line.command("correlate"), "-mline_models:broken", "-mline_models:bright") == 3
    summary = said()
    assert "broken" in summary
    assert "Traceback" not in summary
    folder = line.folder
    for table in ("frames", "stability", "sensitivity"):
        assert set(folder.table(table)["model"]) == {"mobilenet_v1_0.25_128", "bright"}
    (failed,) = {entry["path"] for entry in folder.run["failed"]}
    assert failed.endswith("with broken")
    assert set(folder.read_json("metrics.json")["models"]) == {"mobilenet_v1_0.25_128", "bright"}
    said()
    assert run("stability", str(line.run)) == 3  # asked again, it fails again
    assert "broken" in said()


def test_where_every_model_fails_the_footage_is_reported_all_the_same(code, line, printed):
    (line.sources / FLOUR).unlink()
    options = [word for word in line.command("correlate")[1:] if not word.startswith("-m")]
    assert "Traceback" not in printed(3, "correlate", *options, "-mline_models:broken").err
    assert len(line.folder.table("variation"))
    assert not len(line.folder.table("frames"))


def test_a_metric_from_outside_is_reported_everywhere(code, line, said, printed, without_figures):
    (line.sources / FLOUR).unlink()
    assert run(*line.command("sensitivity")) == 0
    assert run(*line.command("stability")) == 0
    assert "hellinger" not in line.folder.table("pairs")
    bring(code, "HELLINGER")
    for stage in ("stability", "sensitivity"):
        said()
        assert run(*line.command(stage)) == 0
        # units without the metric are not taken for it
        assert f"{stage}: 1 of 1 units to be made" in said()
    assert run("report", str(line.run)) == 0
    pairs = line.folder.table("pairs")
    near = pairs[(pairs["kind"] == "adjacent") & (pairs["excluded"] == "")]
    # Hellinger and total variation bound each other: H^2 <= TV <= sqrt(2) H (Le Cam 1973)
    assert (near["hellinger"] ** 2 <= near["total_variation"] + 1e-6).all()
    assert (near["total_variation"] <= np.sqrt(2) * near["hellinger"] + 1e-6).all()
    stability = line.folder.table("stability").set_index(["item", "metric"])
    assert stability.loc[("", "hellinger"), "value"] == pytest.approx(near["hellinger"].mean())
    sensitivity = line.folder.table("sensitivity")
    rows = sensitivity["metric"].value_counts()
    assert rows["hellinger"] == rows["label_flip"] > 0
    (model,) = line.folder.read_json("metrics.json")["models"].values()
    assert set(model["hellinger"]) == {"value", "low", "high", "n", "cluster", "clusters"}
    assert "Hellinger distance" in (line.run / "details.html").read_text()
    said()
    bring(code, "HELLINGER", version="1.1")
    assert "stability: 1 of 1 units to be made" in printed(0, *line.command("stability")).err


def test_what_is_no_metric_is_refused_by_name(code, line, printed):
    bring(code, "NO_METRIC")
    assert "'hellinger' (line-metrics 1.0)" in printed(2, *line.command("stability")).err
    assert not (line.run / "pairs.parquet").exists()
