"""The worst moments: pairs of frames where a model changed its mind, as pictures with what it said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vidrobust.report.pictures import Pictures
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.durations import clock
from vidrobust.text.numbers import NOT_MEASURED, number, percent
from vidrobust.text.phrases import plural, short_names

MOST = 12
"""Moments shown, shared evenly between the models."""
STRIP_SAID = (
    "Which change did it? A neighbouring frame is moved onto the first one, and the measured changes are "
    "switched on one after the other; below each picture what the model says of it. Where the picture gets "
    "sharper the strip runs backwards in time."
)
PAGE_ONE = 4
"""Of them on page one; at least one a model."""


@dataclass(frozen=True)
class Shot:
    """One picture with its caption; ``uri`` is empty where the picture is not there.

    note     what was changed · reached: a made picture has the label of the strip's last frame
    """

    uri: str
    heading: str
    label: str
    full_label: str
    probability: str
    note: str = ""
    reached: bool = False


@dataclass(frozen=True)
class Moment:
    """A pair of frames, and the replays of single changes between them."""

    model: str
    item: str
    when: str
    what: str
    flip: bool
    a: Shot
    b: Shot
    strip: list[Shot] = field(default_factory=list)


@dataclass(frozen=True)
class Moments:
    """The moments of page one, further ones for the details, and what was left out, in words (or empty)."""

    shown: list[Moment]
    further: list[Moment]
    left_out: str = ""


def moments(run: RunTables) -> Moments:
    """The worst moments of every model, in the order in which the run found them."""
    every = run.json("moments.json").get("moments", [])
    chosen = _share(every, run.models)
    pictures = Pictures(run.folder)
    names = short_names(
        str(each[key]) for moment in chosen for each, key in _labelled(moment) if each.get(key) is not None
    )
    found = [_moment(moment, pictures, names) for moment in chosen]
    first = _first(found)
    said = []
    if len(chosen) < len(every):
        said.append(f"{plural(len(every) - len(chosen), 'further moment')} not shown here: see moments.json")
    if pictures.refused:
        said.append(f"{plural(pictures.refused, 'picture')} left out to keep this file small")
    further = [moment for moment in found if not any(moment is each for each in first)]
    return Moments(first, further, "; ".join(said))


def _first(found: list[Moment]) -> list[Moment]:
    """Those for page one: the worst of each model, and so on in turn, until there are enough."""
    of: dict[str, list[Moment]] = {}
    for moment in found:
        of.setdefault(moment.model, []).append(moment)
    in_turn = [each[k] for k in range(MOST) for each in of.values() if k < len(each)]
    return in_turn[: max(PAGE_ONE, len(of))]


def _share(every: list[dict[str, Any]], models: list[str]) -> list[dict[str, Any]]:
    """At most MOST moments, each model its share, flips before mere changes."""
    of = {name: [m for m in every if m.get("model") == name] for name in models}
    of = {name: found for name, found in of.items() if found}
    if not of:
        return every[:MOST]
    each = max(1, MOST // len(of)) if len(of) > 1 else 6
    return [moment for found in of.values() for moment in found[:each]][:MOST]


def _labelled(moment: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    strip = [(each, "label") for each in moment.get("strip") or []]
    return [(moment, "label_a"), (moment, "label_b"), *strip]


def _moment(moment: Mapping[str, Any], pictures: Pictures, names: Mapping[str, str]) -> Moment:
    def shot(side: str) -> Shot:
        label = str(moment.get(f"label_{side}", ""))
        return Shot(
            uri=pictures.uri(moment.get(f"picture_{side}")),
            heading=f"frame {moment.get(f'frame_{side}')}",
            label=names.get(label, label),
            full_label=label,
            probability=percent(moment.get(f"probability_{side}")),
        )

    return Moment(
        model=str(moment.get("model", "")),
        item=str(moment.get("item", "")),
        when=clock(float(moment.get("time_a_s") or 0.0)),
        what=_what(moment),
        flip=bool(moment.get("flip")),
        a=shot("a"),
        b=shot("b"),
        strip=_strip(moment.get("strip") or [], pictures, names),
    )


def _strip(strip: list[Mapping[str, Any]], pictures: Pictures, names: Mapping[str, str]) -> list[Shot]:
    after = str(strip[-1]["label"]) if strip and strip[0]["label"] != strip[-1]["label"] else ""
    return [_replayed(each, after, pictures, names) for each in strip]


def _replayed(each: Mapping[str, Any], after: str, pictures: Pictures, names: Mapping[str, str]) -> Shot:
    """One picture of the strip; ``after`` is the label of its last frame, which a made picture may reach."""
    label = str(each.get("label") or "")
    probability = each.get("probability")
    return Shot(
        uri=pictures.uri(each.get("picture")),
        heading=str(each["title"]),
        label=names.get(label, label),
        full_label=label,
        probability=percent(probability) if probability is not None else "",
        note=str(each.get("measured") or ""),
        reached=each.get("frame") is None and label == after != "",
    )


def _what(moment: Mapping[str, Any]) -> str:
    moved = moment.get("total_variation")
    said = f"the prediction shifts by {percent(moved)}" if moved is not None else NOT_MEASURED
    pixels = moment.get("pixel_change")
    if pixels is not None:
        said += f", while the picture changes by {number(pixels)} of 255 grey levels on average"
    return said
