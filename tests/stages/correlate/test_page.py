"""correlation.html: every figure on it is recomputed from the tables, and a verdict is told as it is."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.pipeline.conftest import run
from vidrobust.plugins.pooled_runs.published_models import correlate_published
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.correlate.page import residual_ranks, write_page
from vidrobust.stages.correlate.studies import with_stability
from vidrobust.stages.correlate.units import CorrelationUnits


class Silent:
    def say(self, text):
        pass


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published") / "run"
    correlate_published(folder, resamples=99, reporter=Silent())
    return folder, (folder / "correlation.html").read_text(encoding="utf-8")


def svgs(page):
    return [ET.fromstring(text) for text in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]


def test_residual_ranks_have_the_coefficient_of_a_regression_of_ranks():
    """Independent: ranks by SciPy, residuals by numpy's least squares."""
    rng = np.random.default_rng(0)
    pair, given = rng.normal(size=(30, 2)), rng.normal(size=(30, 2))
    pair += given[:, :1]
    x, y = residual_ranks(pair, given)
    basis = np.column_stack([np.ones(30), *(stats.rankdata(z) for z in given.T)])
    left = [
        stats.rankdata(v) - basis @ np.linalg.lstsq(basis, stats.rankdata(v), rcond=None)[0]
        for v in pair.T
    ]
    np.testing.assert_allclose(x, left[0], atol=1e-9)
    np.testing.assert_allclose(y, left[1], atol=1e-9)


def test_scatters_show_every_model_and_have_the_family_s_coefficient(published):
    folder, page = published
    table = RunFolder.existing(folder).table("correlation")
    family = table.drop_duplicates("family").set_index("family")["family_value"]
    scatters = [one for one in svgs(page) if one.get("viewBox") == "0 0 230 230"]
    assert len(scatters) == 4  # no proxy, and the four most expected
    for one in scatters:
        points = [c for c in one.iter("circle") if c.get("class") == "unit"]
        assert len(points) == 189
        x, y = (np.array([float(p.get(k)) for p in points]) for k in ("cx", "cy"))
        name = one.get("aria-label").split(":")[0].lower()
        assert np.corrcoef(x, -y)[0, 1] == pytest.approx(family[name], abs=0.01)
        assert any("resnet50" in p.find("title").text for p in points)


def test_the_matrix_holds_each_coefficient_of_the_table(published):
    folder, page = published
    table = RunFolder.existing(folder).table("correlation")
    for matrix, method in zip(svgs(page)[:2], ("partial_spearman", "pearson"), strict=True):
        dots = list(matrix.iter("circle"))
        rows = table[table["method"] == method]
        assert len(dots) == len(rows) == 2 * 19
        beyond = (rows["low"] > 0) | (rows["high"] < 0)
        pale = [float(dot.get("fill-opacity")) <= 0.25 for dot in dots]
        assert sum(pale) == (~beyond).sum()
        # the wider the interval, the smaller the dot
        radius = np.array([float(dot.get("r")) for dot in dots])
        assert np.argmax(radius) == np.argmin((rows["high"] - rows["low"]).to_numpy())


def test_published_figures_are_those_of_shankar(published):
    """749 and 582 of 1,109 anchors: 67.5 and 52.5 %."""
    page = published[1].replace("\u00a0", " ")
    assert "67.5 %</td>" in page.replace(" (Shankar et al. 2019)", "")
    assert re.search(r"<td>52\.5 %</td>", page)


def test_a_family_that_goes_with_it_but_not_beyond_others_is_not_said_to_be_unrelated(published):
    page = published[1]
    noise = re.search(r"Noise\. (.*?)</p>", page).group(1)
    assert "0.73" in noise
    assert "does not go with" not in noise


def test_the_page_is_written_anew_from_the_tables_alone(published):
    folder, page = published
    (folder / "correlation.html").unlink()
    assert run("correlate", str(folder), "--report") == 0
    again = (folder / "correlation.html").read_text(encoding="utf-8")
    # published statements come with --published alone
    assert svgs(again)[0].get("viewBox") == svgs(page)[0].get("viewBox")


def test_a_run_without_a_correlation_says_how_to_make_it(tmp_path, capsys):
    assert run("correlate", str(tmp_path), "--report") == 2
    assert "one run folder" in capsys.readouterr().err
    RunFolder.create(tmp_path / "run", Settings())
    assert run("correlate", str(tmp_path / "run"), "--report") == 2
    assert f"vidrobust correlate {tmp_path / 'run'}" in " ".join(capsys.readouterr().err.split())


def test_stability_of_clips_joins_the_units_as_harm():
    natural = pd.DataFrame({"total_variation": [0.1, 0.2]})
    units = CorrelationUnits(
        across="clips",
        model="net",
        name=np.array(["a", "b"], dtype=object),
        cluster=np.array(["a", "b"], dtype=object),
        clusters_are="clips",
        series=None,
        columns=pd.DataFrame(
            {"perturbation": ["hue"], "strength": [1.0], "metric": ["total_variation"]}
        ),
        sensitivity=np.zeros((2, 1)),
        instability=natural,
        confounders=pd.DataFrame(index=range(2)),
        primary_sensitivity="total_variation",
        primary_stability="total_variation",
    )
    rows = [
        ("a", "jitter", 0.3),
        ("b", "jitter", 0.1),
        ("a", "conditional_robustness", 0.9),
        ("b", "conditional_robustness", 0.7),
        ("a", "pm10", 0.5),
    ]
    stability = pd.DataFrame(rows, columns=["item", "metric", "value"])
    joined = with_stability(units, stability)
    # pm10 is not known of clip b; right answers count against harm
    assert list(joined.instability) == ["total_variation", "jitter", "conditional_robustness"]
    assert joined.instability["jitter"].tolist() == [0.3, 0.1]
    assert joined.instability["conditional_robustness"].tolist() == [-0.9, -0.7]
    assert joined.turned == ("conditional_robustness",)


def test_nothing_correlated_is_said(tmp_path):
    folder = RunFolder.create(tmp_path / "run", Settings())
    assert "Nothing could be correlated" in write_page(folder).read_text(encoding="utf-8")
