"""The one rule for independent units, on tables small enough to count."""

import numpy as np
import pandas as pd
import pytest

from vidrobust.statistics.clusters import (
    SHORTEST_FRAMES,
    SHORTEST_SAMPLED,
    clusters_of_rows,
    independent_clusters,
)


def footage(items, seconds, rate=25):
    """item (n,) and time_s (n,) of clips of equal length."""
    time_s = np.arange(round(seconds * rate)) / rate
    names = np.array([f"clip{k}" for k in range(items)], object)
    return np.repeat(names, len(time_s)), np.tile(time_s, items)


@pytest.mark.parametrize(
    ("items", "seconds", "rate", "what", "count", "rows"),
    [
        (5, 2.0, 25, "item", 5, 50),
        (1, 10.0, 25, "stretch", 10, 25),  # of a second
        (1, 3600.0, 1, "stretch", 10, 360),  # an hour has ten of six minutes
    ],
)
def test_items_or_a_tenth_of_few(items, seconds, rate, what, count, rows):
    found = independent_clusters(*footage(items, seconds, rate))
    assert (found.what, found.count) == (what, count)
    assert (np.bincount(found.label) == rows).all()
    assert what == "item" or found.length == pytest.approx(rows / rate)


def test_stretches_do_not_cross_items():
    item, time_s = footage(3, 4.0)
    found = independent_clusters(item, time_s)
    assert found.count == 9  # 12 s in tenths are 1.2 s, and 4 s hold three of these
    for label in range(found.count):
        assert len(set(item[found.label == label])) == 1


def test_passes_of_a_part_belong_together():
    item, time_s = footage(12, 1.0)
    part = np.array([f"part{int(name[4:]) // 2}" for name in item], object)
    found = independent_clusters(item, time_s, part=part)
    assert (found.what, found.count) == ("part", 6)
    assert len(np.unique(found.label[(item == "clip0") | (item == "clip1")])) == 1
    unknown = independent_clusters(item, time_s, part=np.full(len(item), "", object))
    assert (unknown.what, unknown.count) == ("item", 12)
    # twelve passes of three parts are no twelve parts
    part = np.array([f"p{int(name[4:]) // 4}" for name in item], object)
    few = independent_clusters(item, time_s, part=part)
    assert (few.what, few.count) == ("stretch", 12)


def test_frame_numbers_do_where_times_are_unknown():
    found = independent_clusters(np.full(100, "a"), np.arange(100), shortest=SHORTEST_FRAMES)
    assert found.count == 4


def test_labels_do_not_depend_on_the_order_of_rows():
    item, time_s = footage(2, 7.0)
    order = np.random.default_rng(0).permutation(len(item))
    straight = independent_clusters(item, time_s)
    mixed = independent_clusters(pd.Series(item[order]), pd.Series(time_s[order]))
    np.testing.assert_array_equal(straight.label[order], mixed.label)


def test_a_short_clip_is_one_cluster_and_no_row_none():
    assert independent_clusters(*footage(1, 0.8)).count == 1
    assert independent_clusters(np.empty(0, object), np.empty(0)).count == 0


def test_clusters_of_some_rows():
    item, time_s = footage(6, 1.0)
    found = independent_clusters(item, time_s)
    assert found.of(item != "clip2").count == 5
    assert found.of(np.flatnonzero(item == "clip3")).label.tolist() == [0] * 25


def test_a_position_must_be_known():
    with pytest.raises(ValueError, match="finite position"):
        independent_clusters(np.array(["a"]), np.array([np.nan]))


def test_a_table_tells_its_parts_itself():
    """Ten parts in six passes are ten units, and sixty items where no part is known."""
    item, time_s = footage(60, 0.4)
    table = pd.DataFrame({"item": item, "time_s": time_s})
    assert clusters_of_rows(table).count == 60
    found = clusters_of_rows(table.assign(part=[f"part {int(name[4:]) % 10}" for name in item]))
    assert (found.what, found.count) == ("part", 10)


def test_a_sample_of_pairs_of_a_short_clip_is_cut_finer_than_all_its_frames():
    """60 frames: two stretches of 25 or more, ten of 6."""
    table = pd.DataFrame({"item": "clip", "frame_a": np.arange(0, 60, 2)})
    assert clusters_of_rows(table, "frame_a", SHORTEST_FRAMES).count == 2
    assert clusters_of_rows(table, "frame_a", SHORTEST_SAMPLED).count == 10
