"""The title of page one, the coarse account and its map, from rows of tables."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from vidrobust.report.pictures import save_picture
from vidrobust.run_folder.folder import SCHEMA
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.report import page, why

RECORD = {"schema": SCHEMA, "settings": {}, "stages": {}}


@pytest.mark.parametrize(
    ("share", "low", "high", "said"),
    [
        (0.9, 0.8, 0.97, "things that move cause nine tenths of the change"),
        (0.5, 0.3, 0.7, "things that move cause half of the change"),
        (0.25, 0.1, 0.4, "things that move cause a quarter of the change"),
        (0.5, 0.1, 0.95, "things that move contribute"),  # too wide for a fraction
        (0.5, 0.01, 0.9, ""),  # it may be nothing
    ],
)
def test_the_title_says_no_more_than_the_interval(monkeypatch, tmp_path, share, low, high, said):
    rows = pd.DataFrame(
        {
            "model": "net",
            "item": "",
            "level": ["group", "group", "cause"],
            "cause": ["light", "moving", "objects"],
            "share": [1 - share if share > 0.5 else 0.2, share, 0.9],
            "low": [0.0, low, 0.8],
            "high": [0.5, high, 1.0],
            "n": 40,
        }
    )
    record = {**RECORD, "models": [{"name": "net", "task": "classification"}]}
    (tmp_path / "run.json").write_text(json.dumps(record))
    run = RunTables(tmp_path)
    monkeypatch.setattr(run, "table", {"account": rows}.get)
    monkeypatch.setattr(type(run), "tasks", {"net": SimpleNamespace(accounts={"": "the change"})})
    monkeypatch.setattr(why, "named_causes", lambda *_: {"moving"})
    assert why.clause(run, "net") == said
    monkeypatch.setattr(why, "named_causes", lambda *_: {"light"})
    assert why.clause(run, "net") == ""  # *Why* leaves the largest group open
    assert list(why.groups(run, "net")["cause"]) == ["moving", "light"]


def test_where_png_shows_the_least_stable_model_and_goes_with_its_table(monkeypatch, tmp_path):
    """By hand: two tiles, 3 and 1 parts of the change; the left half of a grey picture turns orange."""
    (tmp_path / "moments").mkdir()
    save_picture(np.full((180, 320, 3), 90, np.uint8), tmp_path / "moments" / "a.jpg", 320)
    moment = {"item": "clip", "model": "net", "picture_a": "moments/a.jpg"}
    (tmp_path / "moments.json").write_text(json.dumps({"moments": [moment]}))
    (tmp_path / "run.json").write_text(json.dumps({**RECORD, "models": []}))
    pair = {"model": "net", "item": "clip", "frame_a": 3, "frame_b": 4, "y1": 0, "y2": 180}
    left, right = {"tile": 0, "x1": 0, "x2": 160}, {"tile": 1, "x1": 160, "x2": 320}
    rows = [{**pair, **left, "share": 0.6}, {**pair, **right, "share": 0.2}]
    tables = {"places": pd.DataFrame(rows)}
    run = RunTables(tmp_path)
    monkeypatch.setattr(run, "table", tables.get)
    monkeypatch.setattr(type(run), "record", SimpleNamespace(sizes={"clip": (180, 320)}))
    kinds = {"other": "good", "net": "bad"}
    judged = {name: SimpleNamespace(kind=kind) for name, kind in kinds.items()}
    cards = [SimpleNamespace(name=name, judgement=of) for name, of in judged.items()]

    found = why.place_map(run, "net")
    assert found.share == pytest.approx(0.75)
    assert (found.tile, found.pairs) == ((0.0, 0.0, 0.5, 1.0), 1)
    page.write_where(run, cards)
    picture = cv2.imread(str(tmp_path / "where.png"))[..., ::-1]
    assert picture.shape == (360, 640, 3)
    # 0.65 of the tint (209, 101, 6) over grey 90; a third as much on the right
    assert picture[20, 20].tolist() == pytest.approx([167, 97, 35], abs=2)
    assert picture[20, 600].tolist() == pytest.approx([116, 92, 72], abs=2)

    tables.clear()
    page.write_where(run, cards)
    assert not (tmp_path / "where.png").exists()
