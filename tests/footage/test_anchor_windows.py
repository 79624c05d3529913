"""Windows about anchors, by hand; in frames and in milliseconds."""

from __future__ import annotations

import numpy as np

from vidrobust.footage.anchor_windows import anchor_windows
from vidrobust.footage.item_tables import label_row
from vidrobust.footage.labels.labels import rows_of


def test_frames_and_milliseconds_about_each_anchor() -> None:
    times = np.array([0.0, 0.04, 0.08, 0.2, 0.24, 0.28])  # a pause after the third frame
    rows = rows_of(
        [
            label_row("a", frame=3, track="0/0", label=1, label_name="", source="made"),
            label_row("a", frame=3, track="0/0", label=2, label_name="", source="made"),
            label_row("a", frame=0, track="0/0", label=1, label_name="", source="made"),
            label_row(
                "a", frame=5, track="0/0", label=1, label_name="", source="made", more={"presence": "absent"}
            ),
        ]
    )
    found = anchor_windows(rows, times, k=2)
    assert found["anchor"].tolist() == [3, 3, 3, 3, 3, 0, 0, 0]
    assert found["frame"].tolist() == [1, 2, 3, 4, 5, 0, 1, 2]
    assert found["offset"].tolist() == [-2, -1, 0, 1, 2, 0, 1, 2]
    assert found["offset_ms"].round(6).tolist() == [-160, -120, 0, 40, 80, 0, 40, 80]
    assert anchor_windows(rows, times)["offset"].abs().max() == 5


def test_no_anchor_gives_no_window() -> None:
    rows = rows_of([label_row("a", label=1, label_name="", source="made")])
    assert len(anchor_windows(rows, np.array([0.0]))) == 0
