"""The worst moments as pictures with what the model said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from vidrobust.report.pictures import Pictures
from vidrobust.run_folder.reader import RunTables
from vidrobust.text.numbers import NOT_MEASURED, clock, number, percent
from vidrobust.text.phrases import plural, short_names

MOST_MOMENTS = 12  # moments shown, shared evenly between the models
PAGE_ONE = 4  # of them on page one; at least one a model


@dataclass(frozen=True)
class MomentPicture:
    """One picture; ``reached``: a synthetic picture has the label of the strip's last frame."""

    uri: str
    heading: str
    label: str
    full_label: str
    probability: str
    note: str = ""
    reached: bool = False


@dataclass(frozen=True)
class MomentPair:
    """A pair of frames, and the replays of single changes between them."""

    model: str
    item: str
    when: str
    what: str
    flip: bool
    happens: str
    a: MomentPicture
    b: MomentPicture
    difference: MomentPicture | None = None
    strip: list[MomentPicture] = field(default_factory=list)

    @property
    def is_explained(self) -> bool:
        """Whether a synthetic picture already gives the second frame's label."""
        return any(tile.reached for tile in self.strip)


@dataclass(frozen=True)
class ShownMoments:
    """The moments of page one, further ones for the details, and what was left out, in words (or empty)."""

    shown: list[MomentPair]
    further: list[MomentPair]
    left_out: str = ""


def moments(run: RunTables) -> ShownMoments:
    """Return the worst moments of every model, those first that a replay reproduces."""
    every = run.json("moments.json").get("moments", [])
    chosen = _share(every, [*run.models, *run.others])
    pictures = Pictures(run.folder)
    names = short_names(
        str(part[key])
        for moment in chosen
        for part, key in _labelled(moment)
        if part.get(key) is not None
    )
    shown = [_moment(moment, pictures, names, run.others) for moment in chosen]
    shown.sort(key=lambda moment: not moment.is_explained)
    first = _first(shown)
    notes = []
    if len(chosen) < len(every):
        notes.append(
            f"{plural(len(every) - len(chosen), 'further moment')} not shown here: see moments.json"
        )
    if pictures.refused:
        notes.append(f"{plural(pictures.refused, 'picture')} left out to keep this file small")
    further = [moment for moment in shown if not any(moment is one for one in first)]
    return ShownMoments(first, further, "; ".join(notes))


def _first(found: list[MomentPair]) -> list[MomentPair]:
    of: dict[str, list[MomentPair]] = {}
    for moment in found:
        of.setdefault(moment.model, []).append(moment)
    in_turn = [mine[k] for k in range(MOST_MOMENTS) for mine in of.values() if k < len(mine)]
    return in_turn[: max(PAGE_ONE, len(of))]


def _share(every: list[dict[str, Any]], models: list[str]) -> list[dict[str, Any]]:
    of = {name: [m for m in every if m.get("model") == name] for name in models}
    of = {name: mine for name, mine in of.items() if mine}
    if not of:
        return every[:MOST_MOMENTS]
    most = max(1, MOST_MOMENTS // len(of)) if len(of) > 1 else PAGE_ONE
    return [moment for mine in of.values() for moment in mine[:most]][:MOST_MOMENTS]


def _labelled(moment: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    strip = [(tile, "label") for tile in moment.get("strip") or []]
    return [(moment, "label_a"), (moment, "label_b"), *strip]


def _moment(
    moment: Mapping[str, Any], pictures: Pictures, names: Mapping[str, str], others: Collection[str]
) -> MomentPair:
    def shot(side: str) -> MomentPicture:
        label = str(moment.get(f"label_{side}", ""))
        return MomentPicture(
            uri=pictures.uri(moment.get(f"picture_{side}")),
            heading=f"frame {moment.get(f'frame_{side}')}",
            label=names.get(label, label),
            full_label=label,
            probability=percent(moment.get(f"probability_{side}")),
        )

    return MomentPair(
        model=str(moment.get("model", "")),
        item=str(moment.get("item", "")),
        when=clock(float(moment.get("time_a_s") or 0.0)),
        what=_what(moment),
        flip=bool(moment.get("flip")),
        happens="the label flips" if moment.get("model") not in others else "the answer changes",
        a=shot("a"),
        b=shot("b"),
        difference=MomentPicture(
            uri=pictures.uri(moment["picture_difference"]),
            heading=_difference(moment["difference_factor"]),
            label="",
            full_label="",
            probability="",
        )
        if moment.get("picture_difference")
        else None,
        strip=_strip(moment.get("strip") or [], pictures, names),
    )


def _difference(factor: float) -> str:
    return f"their difference, {factor:g} times as bright" if factor > 1 else "their difference"


def _strip(
    strip: list[Mapping[str, Any]], pictures: Pictures, names: Mapping[str, str]
) -> list[MomentPicture]:
    after = str(strip[-1]["label"]) if reaches(strip) else ""
    return [_replayed(tile, after, pictures, names) for tile in strip]


def _replayed(
    each: Mapping[str, Any], after: str, pictures: Pictures, names: Mapping[str, str]
) -> MomentPicture:
    label = str(each.get("label") or "")
    probability = each.get("probability")
    return MomentPicture(
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
    text = f"the prediction shifts by {percent(moved)}" if moved is not None else NOT_MEASURED
    pixels = moment.get("pixel_change")
    if pixels is not None:
        text += f", while the picture changes by {number(pixels)} of 255 grey levels on average"
    return text


def reaches(strip: list[Mapping[str, Any]]) -> bool:
    """Whether a synthetic picture of a strip already has the label of its last frame."""
    after = str(strip[-1]["label"]) if strip and strip[0]["label"] != strip[-1]["label"] else ""
    return any(tile.get("frame") is None and tile["label"] == after != "" for tile in strip)
