"""The demo of the simulated line, small: every stage, and a planted dial that is told beside what was found."""

import pandas as pd
import pytest

from vidrobust.pipeline.keys import status
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.line.demo import demo_line, planted_words, verdicts_words
from vidrobust.plugins.line.render import RenderSettings
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.catalogue import STAGES

LINE = RenderSettings(parts=2, passes=2, seconds=0.5, seed=3, dials=("light=0.6",))
STUDY = Settings(
    model=("line-classifier", "line-detector"),
    perturbation=("brightness",),
    frames=1,
    pairs=1,
    resamples=50,
)


@pytest.mark.nightly
def test_every_stage_runs_and_the_planted_light_is_reported_with_its_size(tmp_path):
    out = tmp_path / "demo"
    summary = demo_line(str(out), Reporter(quiet=True), line=LINE, study=STUDY)
    from vidrobust.run_folder.folder import RunFolder

    rows = status(RunFolder.existing(out), STAGES)
    assert {row["stage"] for row in rows if row["state"] == "done"} == set(STAGES.studied)
    assert (out / "repeatability.json").is_file()
    place = summary.index("What was planted, and what was found")
    light, *rest = summary[place + 1 :]
    assert light.startswith("  light at station-1: brightness (gain) planted ± ")
    assert "light is " in light
    assert any(line.startswith("  not planted, but named: ") for line in rest)
    spread = pd.read_parquet(out / "spread.parquet")
    found = float(spread[(spread["item"] == "") & (spread["quantity"] == "gain")]["spread"].iloc[0])
    planted = float(light.split("± ")[1].split(" %")[0]) / 100
    assert abs(found / planted - 1) < 0.3
    assert "Repeatability" in summary
    html = (out / "details.html").read_text(encoding="utf-8")
    places = [html.index(f'id="{name}"') for name in ("detectors", "policy", "repeatability")]
    assert places == sorted(places)

    truth = pd.read_parquet(tmp_path / "demo-footage" / "truth.parquet")
    at_rest = RenderSettings(parts=2, passes=2, seconds=0.5)
    (only,) = planted_words(RunTables(out), truth.assign(gain=1.0), at_rest)
    assert only.startswith("  not planted, but named: ")
    if "light is named" in light:  # what is named and was not planted must be said
        assert only.endswith("light")


def test_verdicts_are_right_where_a_defect_is_called_one():
    rows = [
        ("a1", "cap", "cap-defect"),
        ("a2", "cap-defect", "cap-defect"),
        ("b1", "bolt-defect", "cap-defect"),
    ]
    found = {
        "per_part": [{"item": i, "model": "m", "value": v, "reference": r} for i, v, r in rows],
        "attribute": {"within_operator": {"m": {"agreement": {"count": 0, "n": 1}}}},
    }
    (line,) = verdicts_words(found, {"a1": "station-1", "a2": "station-1", "b1": "station-2"})
    by_station = "right in 1 of 2 at station-1 and 1 of 1 at station-2"
    assert line == f"  m: the same verdict in all passes of 0 of 1 parts; {by_station}"
