"""What is known of the footage beforehand: labels from the manifest or a file, and objects as items."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.item import Item
from vidrobust.footage.item_tables import labels_table
from vidrobust.footage.labels.formats import read_labels
from vidrobust.footage.labels.labels import Labels
from vidrobust.footage.labels.matching import on_items
from vidrobust.footage.object_items import object_items
from vidrobust.run.settings import Settings

Say = Callable[[str], None]


def labelled(items: Sequence[Item], settings: Settings, say: Say) -> tuple[tuple[Item, ...], pd.DataFrame]:
    """The items, each labelled object one of its own with ``crop``; and the table ``labels`` of them.

    Labels come from the file that the settings name, else from the manifest. Raises InputError where no label
    fits any item, SettingsError where boxes are asked for and no file is named.
    """
    if not settings.labels:
        if settings.crop:
            raise SettingsError(f"crop: {settings.crop} needs the file that has them; give --labels FILE")
        return tuple(items), labels_table(items)
    labels = read_labels(settings.labels)
    matched = on_items(labels.rows, items)
    if not len(matched.rows):
        known = ", ".join(labels.rows["item"].unique()[:3]) or "no item"
        bad = [str(problem) for problem in labels.problems]
        first = f"; {len(bad)} row(s) cannot be used, the first: {bad[0]}" if bad else ""
        raise InputError(f"{settings.labels}: labels none of the sources; it knows {known}{first}")
    if labels.problems:
        say(f"{len(labels.problems)} row(s) of {settings.labels} cannot be used: vidrobust labels lists them")
    if matched.unlabelled:
        say(f"{len(matched.unlabelled)} item(s) have no label in {settings.labels}")
    if not settings.crop:
        return tuple(items), matched.rows
    objects = _objects(items, labels, say)
    return objects, _of_objects(objects, matched.rows)


def _of_objects(objects: Sequence[Item], rows: pd.DataFrame) -> pd.DataFrame:
    """The labels of the clips as those of the objects cut out of them, under the objects' names."""
    parts = []
    for item in objects:
        more = dict(item.more)
        mine = rows[(rows["item"] == more["clip"]) & (rows["track"].astype(str) == more["track"])]
        parts.append(mine.assign(item=item.name))
    return pd.concat(parts, ignore_index=True)


def _objects(items: Sequence[Item], labels: Labels, say: Say) -> tuple[Item, ...]:
    found = object_items(tuple(items), labels)
    if not found.items:
        raise InputError(f"{labels.path}: holds no track of boxes along which an object can be cut out")
    say(f"{len(found.items)} object(s) are cut out of {len(items)} item(s)")
    if found.untracked:
        say(f"{found.untracked} box(es) without a track are left out")
    return found.items
