"""``remedies RUN --export FILE.py``: the recommended rule of a finished run, or one that is named."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidrobust.errors import SettingsError
from vidrobust.files.atomic import write_text
from vidrobust.metrics.catalogue import task_of
from vidrobust.metrics.tracks.follow import TrackSettings
from vidrobust.run_folder.folder import RunFolder
from vidrobust.stages.remedies.box_rules import BoxRule
from vidrobust.stages.remedies.catalogue import (
    BOX_RULES,
    box_numbers,
    box_rule,
    label_rule,
    recommended,
)
from vidrobust.stages.remedies.label_rules import LabelRule
from vidrobust.stages.remedies.stage import FILE
from vidrobust.text.printable import printable

# Columns of the table that the file of numbers repeats.
MEASURED = (
    *("metric", "before", "after", "ratio", "low", "high", "verdict", "n"),
    *("delay_frames", "delay_ms", "mean_delay_frames", "agreement"),
)


def export(
    path: Path,
    name: str,
    model: str,
    rows: list[Mapping[str, Any]],
    *,
    rest: int = -1,
    settings: TrackSettings | None = None,
) -> list[Path]:
    """Write ``path`` and, beside it, the same name with .toml; return both.

    ``rest`` is the resting label. SettingsError where the file would not be Python, or there is no such rule.
    """
    if path.suffix != ".py":
        raise SettingsError(f"--export {printable(path)}: expected a file that ends in .py")
    rule: LabelRule | BoxRule
    if name in BOX_RULES or settings is not None:
        settings = settings or TrackSettings()
        rule, arguments = box_rule(name, settings), box_numbers(name, settings)
    else:
        rule = label_rule(name, rest)
        parameters = inspect.signature(type(rule).__init__).parameters
        arguments = {key: getattr(rule, key) for key in parameters if key != "self"}
    write_text(path, source(name, rule, arguments, model, rows))
    beside = path.with_suffix(".toml")
    write_text(beside, numbers_toml(name, rule, arguments, model, rows))
    return [path, beside]


IMPORTS = {
    LabelRule: "from collections.abc import Mapping, Sequence",
    BoxRule: "from collections.abc import Sequence\nfrom typing import Any\n\nBox = Sequence[Any]",
}  # What the annotations of a rule need


def source(
    name: str,
    rule: LabelRule | BoxRule,
    arguments: Mapping[str, Any],
    model: str,
    rows: list[Mapping[str, Any]],
) -> str:
    """The text of the Python file: the classes as they ran in the study, and a function that makes the rule."""
    kind = type(rule)
    base = LabelRule if isinstance(rule, LabelRule) else BoxRule
    gives = "the label, a number of a class" if base is LabelRule else "the boxes to show"
    takes = (
        "the probabilities of all classes"
        if base is LabelRule
        else "boxes (x1, y1, x2, y2, score, class)"
    )
    texts = [
        f"{row['metric']} {row['before']:.4g} -> {row['after']:.4g} ({row['verdict']})"
        for row in rows
    ]
    head = [
        f"{name}: a rule on what {model} says of one frame after the other.",
        "",
        "Written by vidrobust. For each frame of a stream:",
        "",
        "    rule = make_rule()",
        f"    rule.update(...)  # takes {takes}",
        f"    # gives {gives}; rule.reset() at a scene cut",
        "",
        "Measured on the footage of the run:",
        *texts,
        "The numbers, for other systems, are beside this file in TOML.",
    ]
    doc = "\n".join(line.rstrip() for line in head).replace("\\", "/").replace('"""', "'''")
    body = [inspect.getsource(cls).rstrip() for cls in dict.fromkeys((base, kind))]
    given = "".join(f"        {key}={value!r},\n" for key, value in arguments.items())
    made = f"def make_rule() -> {kind.__name__}:\n    return {kind.__name__}(\n{given}    )"
    top = f'"""{doc}\n"""\n\nfrom __future__ import annotations\n\n{IMPORTS[base]}'
    return "\n\n\n".join([top, *body, made]) + "\n"


def numbers_toml(
    name: str,
    rule: LabelRule | BoxRule,
    arguments: Mapping[str, Any],
    model: str,
    rows: list[Mapping[str, Any]],
) -> str:
    """The numbers of the rule, and what was measured."""
    about = {"name": name, "kind": type(rule).__name__, "model": model, **arguments}
    lines = ["[rule]", *(f"{key} = {_toml(value)}" for key, value in about.items())]
    for row in rows:
        lines += ["", "[[measured]]", *(f"{key} = {_toml(row[key])}" for key in MEASURED)]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    plain = value.item() if hasattr(value, "item") else value
    return repr(plain)


def take_away(folder: Path, file: Path, rule: str | None, models: Sequence[str] = ()) -> list[Path]:
    """Write the recommended rule of a run's first model, or the named ones; SettingsError where none is."""
    run = RunFolder.existing(folder)
    summary = run.read_json(FILE)["models"]
    model = next((name for name in models if name in summary), next(iter(summary), ""))
    if not model:
        raise SettingsError(f"{folder}: no model of this run has any remedies")
    known = summary[model]
    name = rule or (known["rule"] if recommended(known) else "")
    if not name:
        nearest = f"such as --rule {known['rule']}, " if known["rule"] else ""
        raise SettingsError(
            f"{folder}: of {model} no rule within {known['max_delay_ms']:g} ms is shown to help; "
            f"name one with --rule, {nearest}or allow more with --max-delay"
        )
    table = run.table("remedies")
    rows = table[(table["model"] == model) & (table["remedy"] == name) & (table["n"] > 0)]
    if rows.empty:
        rules = table.loc[
            (table["model"] == model) & table["kind"].isin(["rule", "boxes"]), "remedy"
        ].unique()
        raise SettingsError(
            f"--rule {name}: not measured of {model}; measured are {', '.join(rules)}"
        )
    record = next(entry for entry in run.run["models"] if entry["name"] == model)
    return export(
        file,
        name,
        model,
        rows.to_dict("records"),
        rest=int(known["resting_label"]),
        settings=None if task_of(str(record["task"])).labels_frames else _tracks(run, model),
    )


def _tracks(run: RunFolder, model: str) -> TrackSettings:
    """How the boxes of a model were followed in the run; SettingsError where its clips differ in that."""
    boxes = run.table("detections")
    names = boxes.loc[boxes["model"] == model, ["label", "label_name"]].drop_duplicates()
    of_rate = {
        entry.frame_rate: run.settings.along_time(entry.frame_rate).tracks
        for entry in run.record.inputs
    }
    if len({tracks.max_gap for tracks in of_rate.values()}) > 1:
        rates = ", ".join(f"{rate:.4g}" for rate in sorted(of_rate))
        raise SettingsError(
            f"{run.path}: its clips have {rates} frames per second, and a rule keeps tracks for a number of "
            "frames; run the study on clips of one rate, or with --max-gap as a number of frames"
        )
    tracks = next(iter(of_rate.values()))
    return tracks.of_classes(dict(zip(names["label"], names["label_name"], strict=True)))
