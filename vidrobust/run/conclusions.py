"""The stages that need tables only: correlation, the witnesses together, and the policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust import tables
from vidrobust.account import causes, direction
from vidrobust.correlation.from_run import units_of_run
from vidrobust.correlation.study import CorrelationResult, correlate_tables
from vidrobust.correlation.study import correlate as correlate_units
from vidrobust.correlation.together import Together, explain_together
from vidrobust.correlation.units import Across, Units
from vidrobust.errors import InputError
from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.policy import build as policy
from vidrobust.policy import witnesses
from vidrobust.policy.exports.write import write_all
from vidrobust.policy.trained_with import parse as parse_training
from vidrobust.run.folder import RunFolder
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
    """Hear the witnesses and write the policy of each model: the first one's at the top of the run folder.

    The others' stand in ``policies/MODEL/``. Also writes ``witnesses.parquet``.
    """
    folder, settings, reporter = run.folder, run.settings, run.reporter
    trained = parse_training(settings.trained_with)
    families = {each.family for each in trained}
    variation, sensitivity = folder.table("variation"), folder.table("sensitivity")
    causes_summary = causes.summarise(folder.table_or_empty("causes"))
    directions_summary = direction.summarise(folder.table_or_empty("directions"))
    folder.write_table("causes_summary", causes_summary)
    folder.write_table("directions_summary", directions_summary)
    heard = []
    for number, model in enumerate(dict.fromkeys(sensitivity["model"])):
        found = witnesses.table(
            variation,
            sensitivity,
            causes_summary,
            directions_summary,
            folder.table_or_empty("correlation"),
            model=model,
            families=FAMILIES,
            trained_families=families,
            noise_floor=_noise_floor(folder, model),
        )
        made = policy.build(
            found,
            image_size=_image_size(folder),
            trained_families=families,
            settings=policy.PolicySettings(widen=settings.widen),
        )
        write_all(made, folder.path if number == 0 else folder.path / "policies" / _file_name(model))
        heard.append(found)
        reporter.say(f"policy, {model}: {made.headline}")
    folder.write_table("witnesses", pd.concat(heard, ignore_index=True))


def _noise_floor(folder: RunFolder, model: str) -> float:
    table = folder.table("stability")
    row = table[(table["model"] == model) & (table["metric"] == "noise_floor_total_variation")]
    return float(row["value"].iloc[0]) if len(row) else float("nan")


def _image_size(folder: RunFolder) -> tuple[int, int] | None:
    """(height, width) where all items have one size; else unknown, and px are not turned into shares."""
    sizes = {(entry["height"], entry["width"]) for entry in folder.run["inputs"]}
    return sizes.pop() if len(sizes) == 1 else None


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
    models = list(dict.fromkeys(sensitivity["model"]))
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
