"""``trend``: dates, causes and stations of made run folders; page, JSON and Excel."""

import json

import pandas as pd
import pytest

from tests.pipeline.conftest import run
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings

WEEKS = 8


@pytest.fixture(scope="module")
def weeks(tmp_path_factory):
    """Eight weeks of two stations; from the fifth on station 2 flips three times as often, for light."""
    top = tmp_path_factory.mktemp("weeks")
    for week in range(WEEKS):
        folder = RunFolder.create(top / f"line-2026-10-{week + 1:02d}", Settings())
        late = week >= 4
        folder.update(
            inputs=[
                {"item": "a", "path": "a.mp4", "station": "1"},
                {"item": "b", "path": "b.mp4", "station": "2"},
            ],
            models=[{"name": "net", "task": "classification", "weights_sha256": "w"}],
        )
        few = 0.02 + 0.001 * (week % 3)
        b = 3 * few if late else few
        rows = [("", (few + b) / 2, 2000), ("a", few, 1000), ("b", b, 1000)]
        folder.write_table(
            "stability",
            pd.DataFrame(
                [
                    {"model": "net", "item": item, "metric": "flip_rate", "value": v}
                    | {"low": v / 2, "high": 2 * v, "n": n, "cluster": "item", "clusters": 2}
                    for item, v, n in rows
                ]
            ),
        )
        folder.write_table(
            "account", account({"light": 0.7 if late else 0.2, "camera": 0.3 if late else 0.8})
        )
    return top


def account(shares):
    from vidrobust.tables import schema

    of = {"model": "net", "item": "", "level": "cause"}
    zeros = {c.name: 0 for c in schema.TABLES["account"].columns if c.absent is None}
    return pd.DataFrame([zeros | of | {"cause": k, "share": v} for k, v in shares.items()]).drop(
        columns=["group"], errors="ignore"
    )


def test_since_when_how_much_why_and_where(weeks, tmp_path, capsys):
    """By hand: before (x + x) / 2, after (x + 3 x) / 2, so twice as many; of light .7 x 2 - .2 = 1.2 of a rise of 1."""
    assert run("trend", str(weeks), "--out", str(tmp_path), "--json", "-q") == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["date"] for row in found["runs"]][:2] == ["2026-10-01", "2026-10-02"]
    change = found["change"]
    assert change["metric"] == "flip_rate"
    assert change["since"] == "2026-10-05"
    assert change["factor"] == pytest.approx(2.0, rel=0.05)
    assert change["cause"] == "light"
    assert change["first_in"] == "2"
    page = (tmp_path / "trend.html").read_text(encoding="utf-8")
    assert "first in station 2" in page
    sheet = pd.read_excel(tmp_path / "trend.xlsx")
    assert sheet["flip_rate"].tolist() == pytest.approx([row["flip_rate"] for row in found["runs"]])


def test_dates_may_be_given_and_are_checked(weeks, tmp_path, capsys):
    file = tmp_path / "dates.csv"
    file.write_text("run,date\nline-2026-10-01,2026-12-24\n")
    args = ("trend", str(weeks), "--out", str(tmp_path), "--json", "-q", "--dates", str(file))
    assert run(*args) == 0
    assert json.loads(capsys.readouterr().out)["runs"][-1]["run"] == "line-2026-10-01"
    file.write_text("run,date\nline-2026-10-01,yesterday\n")
    assert run(*args) == 3
    assert "yesterday" in capsys.readouterr().err


def test_few_runs_cannot_tell_and_folders_without_runs_are_refused(weeks, tmp_path, capsys):
    two = [str(folder) for folder in sorted(weeks.iterdir())[:2]]
    assert run("trend", *two, "--out", str(tmp_path / "t"), "-q") == 0
    assert "Cannot tell" in capsys.readouterr().out
    assert run("trend", str(tmp_path), "-q") == 3
    assert run("trend", *two, "--model", "other", "-q") == 2
