"""``remedies RUN --export FILE.py``: the recommended rule of a finished run, or one that is named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidrobust.errors import SettingsError
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.remedies.export import export
from vidrobust.stages.remedies.make import FILE
from vidrobust.stages.remedies.study import is_classifier


def take_away(folder: Path, file: Path, rule: str | None, models: Sequence[str] = ()) -> list[Path]:
    """Write the rule of the run's first model, or of the one that is named; the files.

    SettingsError where none is recommended, or where the run has no line of the rule.
    """
    run = RunFolder.existing(folder)
    summary = run.read_json(FILE)["models"]
    model = next((name for name in models if name in summary), next(iter(summary), ""))
    if not model:
        raise SettingsError(f"{folder}: no model of this run has any remedies")
    known = summary[model]
    name = rule or known["rule"]
    if not name:
        raise SettingsError(
            f"{folder}: of {model} no rule within {known['max_delay_ms']:g} ms is better than doing nothing; "
            "name one with --rule, or allow more with --max-delay"
        )
    table = run.table("remedies")
    rows = table[(table["model"] == model) & (table["remedy"] == name) & (table["n"] > 0)]
    if rows.empty:
        rules = table.loc[
            (table["model"] == model) & table["kind"].isin(["rule", "boxes"]), "remedy"
        ].unique()
        raise SettingsError(f"--rule {name}: not measured of {model}; measured are {', '.join(rules)}")
    record = next(each for each in run.run["models"] if each["name"] == model)
    settings = Settings().changed(dict(run.run["settings"]), "run.json").tracks
    return export(
        file,
        name,
        model,
        rows.to_dict("records"),
        rest=int(known["resting_label"]),
        settings=None if is_classifier(record) else settings,
    )
