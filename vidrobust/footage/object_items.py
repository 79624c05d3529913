"""The labelled objects of items as items of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from vidrobust.errors import SettingsError
from vidrobust.footage.item import BEFORE, Box, Item, ObjectBoxes
from vidrobust.footage.labels.labels import Labels
from vidrobust.footage.labels.matching import on_items
from vidrobust.footage.manifest import numbered

# A track breaks where two labels are further apart than this times its usual distance
LONGEST_GAP = 1.5


@dataclass(frozen=True, kw_only=True)
class ObjectItems:
    """Items of single objects."""

    # one per stretch of a track in which the object is visible without a break
    items: tuple[Item, ...]
    untracked: int  # rows with a box and no track, which give no item
    without: tuple[str, ...]  # names in the labels without an item


def object_items(items: tuple[Item, ...], labels: Labels) -> ObjectItems:
    """Return each labelled object as an item ITEM/TRACK, with the object's label.

    A track breaks where the object is absent, uncertain, or not labelled for long, since nobody saw what lies
    between; no pair of frames crosses a break. Stretches with a single label are left out. Raises
    SettingsError for an item that is cut to a region.
    """
    matched = on_items(labels.rows, items)
    by_name = {item.name: item for item in items}
    objects: list[Item] = []
    for (name, track), rows in matched.rows[matched.rows["track"] != ""].groupby(
        ["item", "track"], sort=False
    ):
        item = by_name[name]
        if item.roi is not None:
            raise SettingsError(
                f"{name}: is cut to a region of interest already; cut to boxes or to a region"
            )
        objects += [
            _of_object(item, str(track), rows, boxes) for boxes in _stretches(rows, labels.box_unit)
        ]
    names = numbered(item.name for item in objects)
    untracked = matched.rows[(matched.rows["track"] == "") & matched.rows["x1"].notna()]
    return ObjectItems(
        items=tuple(replace(item, name=name) for item, name in zip(objects, names, strict=True)),
        untracked=len(untracked),
        without=matched.without,
    )


def _of_object(item: Item, track: str, rows: pd.DataFrame, boxes: ObjectBoxes) -> Item:
    first = rows.iloc[0]
    return replace(
        item,
        name=f"{item.name}/{track}",
        label=first["label_name"] or (str(first["label"]) if first["label"] >= 0 else item.label),
        boxes=boxes,
        more=(*item.more, ("clip", item.name), ("track", track)),
    )


def _stretches(rows: pd.DataFrame, unit: str) -> Iterator[ObjectBoxes]:
    """Yield the unbroken stretches of one track, by frame numbers if there are any, else by time."""
    rows = rows[rows["frame"] != BEFORE]
    counted = bool((rows["frame"] >= 0).all())
    rows = rows.assign(place=rows["frame"].astype(float) if counted else rows["time_s"])
    rows = rows[rows["place"].notna()].sort_values("place", kind="stable").drop_duplicates("place")
    longest = LONGEST_GAP * float(rows["place"].diff().median()) if len(rows) > 1 else 0.0
    places: list[float] = []
    boxes: list[Box] = []
    columns = zip(
        rows["place"], rows["presence"], rows[["x1", "y1", "x2", "y2"]].to_numpy(), strict=True
    )
    for place, presence, box in columns:
        visible = presence == "present" and not pd.isna(box).any()
        if places and (not visible or place - places[-1] > longest):
            if len(places) > 1:
                yield ObjectBoxes(
                    places=tuple(places), boxes=tuple(boxes), counted=counted, unit=unit
                )
            places, boxes = [], []
        if visible:
            places.append(float(place))
            x1, y1, x2, y2 = map(float, box)
            boxes.append((x1, y1, x2, y2))
    if len(places) > 1:
        yield ObjectBoxes(places=tuple(places), boxes=tuple(boxes), counted=counted, unit=unit)
