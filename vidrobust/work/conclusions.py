"""The stages that need tables only: the correlation and the policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust import tables
from vidrobust.account.shares import SECOND
from vidrobust.correlation.from_run import units_of_run
from vidrobust.correlation.study import CorrelationResult, correlate_tables
from vidrobust.correlation.study import correlate as correlate_units
from vidrobust.correlation.together import Together, explain_together
from vidrobust.correlation.units import Across, Units
from vidrobust.errors import InputError, SettingsError
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.policy.build import Evidence, build
from vidrobust.policy.exports.write import write_all
from vidrobust.policy.policy import SCHEMA
from vidrobust.policy.trained_with import Trained
from vidrobust.policy.trained_with import parse as parse_training
from vidrobust.run.folder import RunFolder, is_run_folder, remove_results
from vidrobust.run.progress import Reporter
from vidrobust.run.run import Run
from vidrobust.run.settings import Settings

FAMILIES = {key: str(entry.family) for key, entry in PERTURBATIONS.items()}


def correlate(run: Run) -> None:
    """Which perturbations are proxies: across frames and clips within each model, and across models.

    Each is a study of its own, never pooled; one that has no units is left out with its reason.
    """
    folder, settings, reporter = run.folder, run.settings, run.reporter
    results: list[tuple[str, str, CorrelationResult, Together | None]] = []
    left_out: list[str] = []
    for across, model, units in _all_units(folder, settings, left_out):
        result = correlate_units(units, FAMILIES, seed=settings.seed, resamples=settings.resamples)
        together = explain_together(units, seed=settings.seed)
        results.append((across, model, result, together))
        reporter.say(f"correlation across {across}{f', {model}' if model else ''}: {result.headline}")
        reporter.say(f"  {together.sentence}")
    for reason in left_out:
        reporter.say(f"correlation: {reason}")
    _write(folder, results, left_out)


def make_policy(run: Run) -> None:
    """Write the policy of each model: the first one's at the top, the others' in ``policies/MODEL/``."""
    families = {each.family for each in training_of(run.settings)}
    account, by, named = run.table("account"), run.table("account_by"), run.table("named")
    whole = account[account["item"] == ""]
    slow = by[(by["by"] == "scale") & (by["value"] == SECOND)]
    models, others = _classifiers(run.folder, run.table("sensitivity"))
    for model in others:
        run.reporter.say(f"policy: {model} is no classifier: of its account no policy is made")
    if not models:
        reason = "no model is a classifier: of the account of a detector no policy is made"
        nothing: dict[str, Any] = {"steps": [], "rejected": [], "evaluation_only": []}
        run.folder.write_json("policy.json", {"schema": SCHEMA, "headline": reason, **nothing})
    for number, model in enumerate(models):
        mine = named[named["model"] == model]
        evidence = Evidence(
            account=_of(whole, model),
            slow=_of(slow, model),
            named=dict(zip(mine["cause"], mine["scale"], strict=True)),
            comes_back=dict(zip(mine["cause"], mine["comes_back"], strict=True)),
            within=_of(run.table("within"), model),
            spread=run.table("spread"),
            sensitivity=_of(run.table("sensitivity"), model),
            floor=_noise_floor(run.folder, model),
            image_size=_image_size(run.folder),
        )
        made = build(model, evidence, trained_families=families, widen=run.settings.widen)
        write_all(made, run.path if number == 0 else run.path / "policies" / _file_name(model))
        run.reporter.say(f"policy, {model}: {made.headline}")


def training_of(settings: Settings) -> tuple[Trained, ...]:
    """What the model was trained with; SettingsError for what is not understood."""
    return parse_training(settings.trained_with)


def _of(table: pd.DataFrame, model: str) -> pd.DataFrame:
    return table[table["model"] == model]


def _noise_floor(folder: RunFolder, model: str) -> float:
    table = folder.table("stability")
    row = table[(table["model"] == model) & (table["metric"] == "noise_floor_total_variation")]
    return float(row["value"].iloc[0]) if len(row) else float("nan")


def _image_size(folder: RunFolder) -> tuple[int, int]:
    """(height, width) of the clip in the middle by its width: lengths are shares of each clip's own width."""
    sizes = sorted(
        ((entry["height"], entry["width"]) for entry in folder.run["inputs"]), key=lambda size: size[1]
    )
    height, width = sizes[len(sizes) // 2]
    return int(height), int(width)


def _file_name(model: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in model)


def correlate_files(
    stability: Path,
    sensitivity: Path,
    out: Path,
    *,
    across: Sequence[Across] = ("models",),
    given: Sequence[str] = (),
    foreign: Sequence[str] = (),
    higher_is_better: Mapping[str, bool] | None = None,
    resamples: int = 2000,
    seed: int = 0,
    reporter: Reporter,
) -> dict[str, Any]:
    """Correlate tables from anywhere that have the contract's columns; write the result into ``out``."""
    settings = Settings(across=tuple(across), resamples=resamples, seed=seed)
    stable, sensitive = tables.read_file("stability", stability), tables.read_file("sensitivity", sensitivity)
    if is_run_folder(out):
        if RunFolder.existing(out).settings.sources:
            raise SettingsError(f"{out}: holds a run on footage; give another --out")
        remove_results(out)
    folder = RunFolder.create(out, settings)
    folder.update(inputs=[{"item": "stability", "path": str(stability)}])
    results: list[tuple[str, str, CorrelationResult, Together | None]] = []
    for each in across:
        result = correlate_tables(
            stable,
            sensitive,
            across=each,
            given=list(given) or None,
            foreign=foreign,
            families=FAMILIES,
            higher_is_better=higher_is_better,
            seed=seed,
            resamples=resamples,
        )
        results.append((each, "", result, None))
        reporter.say(f"correlation across {each}: {result.headline}")
    return _write(folder, results, [])


def _all_units(folder: RunFolder, settings: Settings, left_out: list[str]) -> list[tuple[Across, str, Units]]:
    frames, pairs = folder.table("frames"), folder.table("pairs")
    sensitivity, stability = folder.table("sensitivity"), folder.table("stability")
    models, others = _classifiers(folder, sensitivity)
    left_out += [
        f"{model} is no classifier: how its sensitivity goes with its footage is not studied"
        for model in others
    ]
    stability, sensitivity = (table[~table["model"].isin(others)] for table in (stability, sensitivity))
    items = sensitivity["item"].nunique()
    wanted: list[tuple[Across, str]] = []
    for across in settings.across:
        if across == "models":
            wanted += [("models", "")] if len(models) > 1 else []
        elif across == "clips":
            wanted += [("clips", model) for model in models] if items > 1 else []
        else:
            wanted += [("frames", model) for model in models]
    found = []
    for across, model in wanted:
        try:
            units = units_of_run(frames, pairs, sensitivity, stability, across=across, model=model or None)
        except InputError as error:
            left_out.append(str(error))
            continue
        found.append((across, model, units))
    return found


def _classifiers(folder: RunFolder, sensitivity: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The models whose sensitivity is known: the classifiers, and the others."""
    every = list(dict.fromkeys(sensitivity["model"]))
    tasks = {record["name"]: record.get("task", "classification") for record in folder.run["models"]}
    told = [tasks.get(model, "classification") == "classification" for model in every]
    return (
        [m for m, is_one in zip(every, told, strict=True) if is_one],
        [m for m, is_one in zip(every, told, strict=True) if not is_one],
    )


def _write(
    folder: RunFolder,
    results: Sequence[tuple[str, str, CorrelationResult, Together | None]],
    left_out: Sequence[str],
) -> dict[str, Any]:
    """correlation.parquet, the matrices, and what they say in words (correlation.json)."""
    said = {
        "schema": 1,
        "studies": [
            {
                "across": across,
                "model": model,
                "headline": result.headline,
                "sentences": dict(result.sentences),
                "groups": [dataclasses.asdict(group) for group in result.groups],
                "notes": list(result.notes),
                "together": None if together is None else dataclasses.asdict(together),
            }
            for across, model, result, together in results
        ],
        "left_out": list(left_out),
    }
    if results:
        folder.write_table("correlation", pd.concat([r.table for _, _, r, _ in results], ignore_index=True))
        matrix = pd.concat([r.matrix.assign(across=a, model=m) for a, m, r, _ in results], ignore_index=True)
        folder.write_table("correlation_matrix", matrix)
    folder.write_json("correlation.json", said)
    return said
