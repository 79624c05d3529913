"""Labels that fall on no frame are counted with the reason, and clips cut from longer videos have a clock."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vidrobust.accuracy.answers import SaidClasses, answers_of, on_frames
from vidrobust.errors import SettingsError
from vidrobust.footage.item import Item, label_offset_of
from vidrobust.footage.item_tables import label_row
from vidrobust.footage.labels.labels import rows_of
from vidrobust.footage.labels.matching import on_items, outside
from vidrobust.footage.manifest import read_manifest

FRAMES = pd.DataFrame({"item": "a", "frame": range(50), "time_s": np.arange(50) / 25})


def labels(*of):
    same = {"label": 0, "label_name": "cat", "source": "m"}
    rows = (label_row("a", frame=f, time_s=t, more={"presence": p}, **same) for f, t, p in of)
    return rows_of(list(rows))


def test_each_lost_label_has_its_reason():
    # the first is of the whole item
    at = [(-1, np.nan), (-1, 1.0), (-1, -3.0), (-1, 2.5), (-1, 900.0), (49, np.nan), (50, np.nan)]
    given = labels(*((frame, time_s, "present") for frame, time_s in at), (-1, 901.0, "absent"))
    found = outside(given, FRAMES)
    assert (found.labels, found.hidden, found.total) == (7, 1, 4)
    assert found.counts == {"before": 1, "after": 3, "window": 0, "between": 0}
    assert "4 of 7 labels fall on no frame (-3 to 900 s): 1 before" in found.sentence()
    assert "--label-offset" in found.sentence()


def test_frames_that_were_not_asked_for_are_no_fault_of_the_clock():
    sparse = FRAMES[FRAMES["frame"] % 5 == 0]
    here = labels((3, np.nan, "present"), (10, np.nan, "present"), (-1, 0.4, "present"))
    found = outside(here, sparse)
    assert found.counts["between"] == 1
    assert "--label-offset" not in found.sentence()
    late = labels((-1, 1.0, "present"), (-1, 2.5, "present"))
    windowed = outside(late, FRAMES, {"a": (None, 2.0)})
    assert windowed.counts["window"] == 1
    assert "--label-offset" not in windowed.sentence()
    assert outside(labels((-1, 1.0, "present")), FRAMES).sentence() == ""
    assert "all 1 label say absent" in outside(labels((-1, 1.0, "absent")), FRAMES).sentence()


@pytest.mark.parametrize(
    "row", [(-1, 900.0, "present"), (-1, 1.0, "absent"), (70, np.nan, "present")]
)
def test_no_label_on_any_frame_is_no_fault(row):
    here = on_frames(labels(row), FRAMES)
    assert SaidClasses.of(here, ["cat", "dog"]).counts == {}
    frames = FRAMES.assign(model="m", label=0, label_name="cat")
    none = pd.DataFrame(columns=["item", "frame", "label", "probability"])
    found = answers_of(frames, none, labels(row), ["cat", "dog"])
    assert not len(found.label_answers)
    assert found.unjudged == 0


@pytest.mark.parametrize(
    ("offset", "row", "frame"),
    [
        ("60", (-1, 60.4, "present"), 10),
        ("59.5s", (-1, 60.0, "present"), 12),
        ("-1", (-1, 0.2, "present"), 30),
        ("1500f", (1507, np.nan, "present"), 7),
    ],
)
def test_a_cut_clip_finds_its_labels(offset, row, frame):
    item = Item(name="a", path=Path("a.mp4"), label_offset=label_offset_of(offset))
    assert on_frames(on_items(labels(row), [item]).rows, FRAMES)["frame"].tolist() == [frame]


def test_labels_before_the_cut_are_lost_and_not_of_the_whole_item():
    item = Item(name="a", path=Path("a.mp4"), label_offset=label_offset_of("10f"))
    numbered = labels(*((frame, np.nan, "present") for frame in (9, 10, -1)))
    rows = on_items(numbered, [item]).rows
    assert outside(rows, FRAMES).counts["before"] == 1
    assert sorted(on_frames(rows, FRAMES)["frame"]) == [-2, -1, 0]
    said, listed = FRAMES.assign(model="m", label=0, label_name="cat"), ["item", "frame", "label"]
    none = pd.DataFrame(columns=[*listed, "probability"])
    judged = answers_of(said, none, rows[rows["frame"] != -1], ["cat", "dog"])
    assert judged.label_answers["frame"].tolist() == [0]


def test_an_offset_in_the_wrong_unit_says_which_is_right():
    seconds = Item(name="a", path=Path("a.mp4"), label_offset=label_offset_of("10"))
    with pytest.raises(SettingsError, match="count frames; give frames"):
        on_items(labels((9, np.nan, "present")), [seconds])
    frames = Item(name="a", path=Path("a.mp4"), label_offset=label_offset_of("10f"))
    with pytest.raises(SettingsError, match="count seconds; give seconds"):
        on_items(labels((-1, 9.0, "present")), [frames])


def test_the_manifest_has_a_column_for_it(tmp_path):
    (tmp_path / "a.mp4").touch()
    rows = ("a.mp4,x,12.5", "a.mp4,y,300f", "a.mp4,z,", "a.mp4,w,ten")
    (tmp_path / "m.csv").write_text("\n".join(["path,item,label_offset", *rows]) + "\n")
    manifest = read_manifest(tmp_path / "m.csv")
    told = [(i.label_offset.value, i.label_offset.unit) for i in manifest.items if i.label_offset]
    assert told == [(12.5, "s"), (300.0, "frames")]
    assert len(manifest.items) == 3
    (problem,) = manifest.problems
    assert problem.line == 5
    assert "expected seconds such as 12.5" in problem.what
