"""Objects of real annotations as items of their own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vidrobust.errors import SettingsError
from vidrobust.footage.content import content_key
from vidrobust.footage.item import Item
from vidrobust.footage.labels.formats import read_labels
from vidrobust.footage.object_items import object_items


def test_tracks_of_the_real_youtube_rows(corpus):
    labels = read_labels(corpus / "annotations" / "ytbb" / "ytbb_subset.csv")
    rows = labels.rows[labels.rows["item"] == "FcmfoPqPxB8"]
    found = object_items((Item(name="clip", path=Path("FcmfoPqPxB8.mp4")),), labels)
    assert len(found.without) == 9
    # 0,1,2 present, 3 absent: the first stretch has three labels
    first = found.items[0]
    assert (first.name, first.label) == ("clip/0/0", "person")
    assert first.more == (("clip", "clip"), ("track", "0/0"))
    assert first.boxes.places == (0.0, 1.0, 2.0)
    assert (first.boxes.unit, first.boxes.counted) == ("share", False)
    assert first.boxes.boxes[0] == (0.21, 0.0, 0.686, 1.0)
    seen = rows[(rows["presence"] == "present")]
    kept = sum(len(item.boxes.places) for item in found.items if item.boxes)
    assert 0 < kept <= len(seen)
    for item in found.items:
        assert set(np.diff(item.boxes.places).round(3)) == {1.0}


def test_every_pedestrian_is_an_item_and_a_gap_breaks_a_track(corpus):
    labels = read_labels(corpus / "annotations/mmtracking/demo_MOT15_data/train/TUD-Campus")
    clip = Item(name="TUD-Campus", path=Path("TUD-Campus.mp4"))
    whole = object_items((clip,), labels)
    assert len({item.name.split("#")[0] for item in whole.items}) == 8
    assert whole.items[0].boxes.counted
    assert whole.untracked == 0
    first = whole.items[0].name.split("/")[1]
    middle = int(whole.items[0].boxes.places[5])
    rows = labels.rows[~((labels.rows["track"] == first) & (labels.rows["frame"] == middle))]
    broken = object_items((clip,), replace(labels, rows=rows))
    assert len(broken.items) == len(whole.items) + 1
    names = [item.name for item in broken.items if item.name.startswith(f"TUD-Campus/{first}")]
    assert names[:2] == [f"TUD-Campus/{first}", f"TUD-Campus/{first}#2"]
    assert all(middle not in item.boxes.places for item in broken.items[:2] if item.boxes)


def test_the_boxes_are_part_of_the_content_and_exclude_a_region(corpus):
    labels = read_labels(corpus / "annotations/mmtracking/demo_MOT15_data/train/TUD-Campus")
    path = corpus / "factory" / "intel_bottle-detection.mp4"
    clip = Item(name="TUD-Campus", path=path)
    a, b, *_ = object_items((clip,), labels).items
    assert len({content_key(item) for item in (clip, a, b)}) == 3
    with pytest.raises(SettingsError, match="TUD-Campus: is cut to a region of interest already"):
        object_items((replace(clip, roi=(0, 0, 8, 8)),), labels)
