"""``decisions RUN``: lines, zones and alarms over the detections of a finished run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from vidrobust.cli.options import JSON, PATH, GroupedCommand, options, print_result
from vidrobust.errors import InputError, SettingsError
from vidrobust.files.json_text import plain
from vidrobust.metrics.tracks.states import FAULTS
from vidrobust.plugins.decisions.decide import ClipTimes, counted_paths, decided, path_rows, wrong
from vidrobust.plugins.decisions.places import LineOrZone, place_of, read_places
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.remedies.box_rows import BoxStudy
from vidrobust.stages.remedies.study import FootageTables, detector_study

FILE = "decisions.json"
RANKED = 6  # Remedies that are printed; decisions.json has all
# States in which an object is taken to be on its path; of others it is unknown
SETTLED_STATES = ("covered", "hidden", *FAULTS)


@click.command(cls=GroupedCommand)
@click.argument("run", type=PATH)
@click.option(
    "--line",
    "lines",
    multiple=True,
    metavar="NAME:X1,Y1,X2,Y2",
    help="A line to count at; repeatable.  [default: none]",
)
@click.option(
    "--zone",
    "zones",
    multiple=True,
    metavar="NAME:X,Y,...",
    help="A zone of three points or more; repeatable.  [default: none]",
)
@click.option(
    "--places",
    type=PATH,
    metavar="FILE",
    help="Zones of supervision (JSON).  [default: none]",
)
@click.option(
    "--alarm",
    metavar="'K of N'",
    help="Alarm while K of the last N frames have an object in the zone.  [default: none]",
)
@click.option(
    "--anchor",
    type=click.Choice(["bottom", "center"]),
    default="bottom",
    show_default=True,
    help="Point of a box that counts.",
)
@options(JSON)
def decisions(
    run: Path,
    lines: tuple[str, ...],
    zones: tuple[str, ...],
    places: Path | None,
    alarm: str | None,
    anchor: str,
    as_json: bool,
) -> None:
    """How often are counts at lines, dwell in zones and alarms wrong, and which remedy makes fewer wrong?

    RUN is a finished run of detectors. With labels that name objects the decisions are compared with the truth,
    without them with the objects' completed paths.
    """
    wanted = [place_of(text, "line", k) for k, text in enumerate(lines, 1)]
    wanted += [place_of(text, "zone", k) for k, text in enumerate(zones, 1)]
    wanted += read_places(places) if places else []
    study = studied(run, wanted, _alarm(alarm), anchor)
    RunFolder.existing(run).write_json(FILE, plain(study))
    print_result(plain(study), _lines(study), as_json)


def _alarm(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    numbers = re.fullmatch(r"\s*(\d+)\s*of\s*(\d+)\s*", text)
    if not numbers or not 0 < int(numbers[1]) <= int(numbers[2]):
        raise SettingsError(f"--alarm: expected K of N, such as '3 of 5', got {text!r}")
    return int(numbers[1]), int(numbers[2])


def studied(
    folder: Path,
    places: Sequence[LineOrZone],
    alarm: tuple[int, int] | None,
    anchor: str = "bottom",
) -> dict[str, Any]:
    """Return the decisions of every detector of a run, and its remedies by the number of wrong ones."""
    if not places and alarm is None:
        raise SettingsError("name what is decided: --line, --zone, --places or --alarm")
    run = RunTables(folder)
    names = ("object_frames", "detections", "transitions")
    frames, detections, transitions = (run.rows(name) for name in names)
    if frames.empty or detections.empty or transitions.empty:
        raise InputError(
            f"{folder}: has no followed objects; make them with vidrobust stability SOURCES -m SPEC"
        )
    known, counts = run.rows("known_boxes"), run.rows("box_counts")
    settings = RunFolder.existing(folder).settings
    sizes = {entry.item: (entry.height, entry.width) for entry in run.record.inputs}
    models = {}
    for model in run.detectors:
        seen = transitions[transitions["item"].isin(counts.loc[counts["model"] == model, "item"])]
        about = FootageTables(
            transitions=seen,
            sizes=sizes,
            parts={},
            labels=pd.DataFrame(),
            frame_rates={entry.item: entry.frame_rate for entry in run.record.inputs},
        )
        study = detector_study(model, detections, about, settings)
        truth = known[(known["model"] == model) & (known["object"] != "")]
        models[model] = _of_model(
            study, frames[frames["model"] == model], truth, seen, (places, alarm, anchor)
        )
    return {"places": [place.name for place in places], "alarm": alarm, "models": models}


def _of_model(
    study: BoxStudy,
    frames: pd.DataFrame,
    known: pd.DataFrame,
    transitions: pd.DataFrame,
    asked: tuple[Sequence[LineOrZone], tuple[int, int] | None, str],
) -> dict[str, Any]:
    places, alarm, anchor = asked
    with_labels = len(known) > 0
    footage = [ClipTimes(seen.item, seen.time_s) for seen in study.seen]
    numbers = {
        str(item): rows["frame"].to_numpy()
        for item, rows in transitions.groupby("item", sort=False)
    }
    references = []
    for clip in study.seen:
        row_of = pd.Series(np.arange(len(numbers[clip.item])), index=numbers[clip.item])
        if with_labels:
            real = known[known["item"] == clip.item]
            object_, sure = pd.factorize(real["object"])[0], np.ones(len(real), bool)
        else:
            real = frames[
                (frames["item"] == clip.item) & (frames["alarm"] == 0) & (frames["state"] != "out")
            ]
            object_, sure = real["track"].to_numpy(), real["state"].isin(SETTLED_STATES).to_numpy()
        real = real.assign(row=row_of.reindex(real["frame"]).to_numpy(np.int64))
        references.append(path_rows(real, anchor, object_, sure))

    def rows(shown: Sequence[Any]) -> list[dict[str, object]]:
        counted = [
            counted_paths(boxes, tracks, anchor)
            for boxes, tracks in zip(shown, study.settings, strict=True)
        ]
        return list(decided(references, counted, footage, places, alarm))

    without = rows([seen.boxes for seen in study.seen])
    ranked = sorted(
        ((wrong(rows(shown)), name) for name, shown in study.shown.items()),
        key=lambda each: each[0],
    )
    return {
        "reference": "labels" if with_labels else "completed paths of the detector's objects",
        "minutes": sum(of.minutes for of in footage),
        "decisions": without,
        "first_detection": _first_detection(frames, known),
        "wrong": wrong(without),
        "remedies": [{"remedy": name, "wrong": count} for count, name in ranked],
    }


def _first_detection(frames: pd.DataFrame, known: pd.DataFrame) -> dict[str, float]:
    """Seconds from an object's first frame in view to its first box, and how many are never found."""
    if len(known):
        by = known.groupby(["item", "object"])
        waits = (
            known[known["found"] == 1].groupby(["item", "object"])["time_s"].min()
            - by["time_s"].min()
        )
    else:
        rows = frames[(frames["alarm"] == 0) & frames["state"].isin(("late", "covered"))]
        by = rows.groupby(["item", "track"])
        boxed = rows[rows["evidence"] == "box"].groupby(["item", "track"])
        waits = boxed["time_s"].min() - by["time_s"].min()
    waits = waits.reindex(by.size().index)
    return {
        "objects": len(waits),
        "median_s": waits.median(),
        "longest_s": waits.max(),
        "never": int(waits.isna().sum()),
    }


def _lines(results: Mapping[str, Any]) -> list[str]:
    text = []
    for model, of in results["models"].items():
        text.append(f"{model}: against {of['reference']}, {of['minutes']:.2f} minutes")
        for row in of["decisions"]:
            figures = ", ".join(
                f"{name.replace('_', ' ')} {value:.3g}"
                for name, value in row.items()
                if name not in ("decision", "place") and value is not None
            )
            text.append(f"  {row['decision']} {row['place']}: {figures}")
        first = of["first_detection"]
        text.append(
            f"  first detection: median {first['median_s']:.2g} s, longest {first['longest_s']:.2g} s, "
            f"{first['never']} of {first['objects']} never"
        )
        text.append(f"  wrong decisions: {of['wrong']:.3g} with nothing done")
        text += [f"    {row['wrong']:.3g} with {row['remedy']}" for row in of["remedies"][:RANKED]]
    return text
