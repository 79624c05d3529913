"""What is known of the footage beforehand: labels from the manifest or a file, and objects as items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from vidrobust.errors import InputError, SettingsError
from vidrobust.footage.item import Item, label_offset_of
from vidrobust.footage.item_tables import labels_table
from vidrobust.footage.labels.formats import read_labels
from vidrobust.footage.labels.labels import ClassMap, Labels, read_class_map
from vidrobust.footage.labels.matching import Matched, on_items, sets_on_items
from vidrobust.footage.object_items import object_items
from vidrobust.run_folder.settings import OWN_CLASSES, Settings
from vidrobust.tables import schema as tables
from vidrobust.text.phrases import plural

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the items.

    labels       the table ``labels``, items and frames as they are in the run
    box_unit     of its boxes, as ``Labels.box_unit``
    sets         anchors and the frames about them that count, as ``Labels.sets``; None: labels come without
    judged_by    whose labels these frames are judged by
    lost         frames about anchors that the footage does not hold
    class_map    in which classes models answer, and ``class_names``, theirs; None: in their own
    of_map       what brought the map, in words
    """

    labels: pd.DataFrame = field(default_factory=lambda: tables.empty("labels"))
    box_unit: str = "px"
    sets: pd.DataFrame | None = None
    judged_by: Literal["own", "anchor"] = "own"
    lost: int = 0
    class_map: ClassMap | None = None
    class_names: tuple[str, ...] = ()
    of_map: str = ""

    def as_rows(self) -> list[dict[str, object]]:
        """All of it that figures depend on, besides the models' classes, as plain values for a key."""
        said = [self.labels.astype(str).to_dict("split")]
        if self.box_unit != "px":
            said.append({"box_unit": self.box_unit})
        if self.sets is not None:
            said.append({"judged_by": self.judged_by, **self.sets.astype(str).to_dict("split")})
        return said


def labelled(items: Sequence[Item], settings: Settings, say: Say) -> tuple[tuple[Item, ...], Known]:
    """The items, each labelled object one of its own with ``crop``; and what is known of them.

    Labels come from the file that the settings name, else from the manifest. Raises InputError where no label
    fits any item, SettingsError where boxes are asked for and no file is named.
    """
    if not settings.labels:
        if settings.crop:
            raise SettingsError(f"crop: {settings.crop} needs the file that has them; give --labels FILE")
        if settings.label_offset:
            raise SettingsError("label_offset: belongs to the labels of a file; give --labels FILE")
        return tuple(items), _with_map(Known(labels=labels_table(items)), None, settings)
    items = _with_offset(items, settings.label_offset)
    labels = read_labels(settings.labels)
    matched = on_items(labels.rows, items)
    if not len(matched.rows):
        known = ", ".join(labels.rows["item"].unique()[:3]) or "no input"
        bad = [str(problem) for problem in labels.problems]
        first = f"; {plural(len(bad), 'row')} cannot be used, the first: {bad[0]}" if bad else ""
        raise InputError(f"{settings.labels}: labels none of the sources; it knows {known}{first}")
    _say_what(matched, labels, settings, say)
    if settings.crop:
        objects = _objects(items, labels, say)
        rows = _of_objects(objects, matched.rows)
        return objects, _with_map(Known(labels=rows, box_unit=labels.box_unit), labels, settings)
    known_now = Known(labels=matched.rows, box_unit=labels.box_unit)
    if len(labels.sets):
        sets, lost = sets_on_items(labels.sets, items)
        known_now = replace(known_now, sets=sets, judged_by=labels.judged_by, lost=lost)
    return tuple(items), _with_map(known_now, labels, settings)


def _with_offset(items: Sequence[Item], text: str) -> tuple[Item, ...]:
    """The items, those without an offset of their own with the one that the settings give."""
    try:
        offset = label_offset_of(text)
    except ValueError as error:
        raise SettingsError(f"label_offset: {error}") from error
    return tuple(item if item.label_offset else replace(item, label_offset=offset) for item in items)


def _say_what(matched: Matched, labels: Labels, settings: Settings, say: Say) -> None:
    if labels.problems:
        bad = plural(len(labels.problems), "row")
        say(f"{bad} of {settings.labels} cannot be used: vidrobust labels lists them")
    if matched.unlabelled:
        say(f"{plural(len(matched.unlabelled), 'input')} without a label in {settings.labels}")
    if matched.missing:
        say(f"{plural(matched.missing, 'row')} of {settings.labels}: of images that are not in their folders")


def _with_map(known: Known, labels: Labels | None, settings: Settings) -> Known:
    """With the class map that the settings name, else that of the labels."""
    if settings.class_map == OWN_CLASSES:
        return known
    classes = {} if labels is None else dict(labels.classes)
    if settings.class_map:
        class_map, of_map = read_class_map(Path(settings.class_map)), settings.class_map
    elif labels is not None and labels.class_map is not None:
        class_map, of_map = labels.class_map, labels.format
    else:
        return known
    count = max(class_map.classes, *(number + 1 for number in classes), 2)
    class_map = ClassMap(of_model=class_map.of_model, classes=count)
    names = tuple(classes.get(k, f"class {k}") for k in range(count))
    return replace(known, class_map=class_map, class_names=names, of_map=of_map)


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
    say(f"{plural(len(found.items), 'object')} cut out of {plural(len(items), 'input')}")
    if found.untracked:
        say(f"{found.untracked} box(es) without a track are left out")
    return found.items
