"""Tables from anywhere, such as those of a published study of many models, correlated across models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError, in_plain_words
from vidrobust.files.csv_table import read_columns
from vidrobust.pipeline.progress import Reporter
from vidrobust.plugins.pooled_runs.runs import empty_folder
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.correlate.from_summaries import MetricRoles, units_of_summaries
from vidrobust.stages.correlate.page import write_page
from vidrobust.stages.correlate.studies import conclude, families
from vidrobust.stages.correlate.study import correlate
from vidrobust.tables import schema


def correlate_files(
    stability: Path,
    sensitivity: Path,
    out: Path,
    *,
    roles: MetricRoles,
    resamples: int = 2000,
    seed: int = 0,
    reporter: Reporter,
) -> dict[str, Any]:
    """Correlate two tables across their models; write into ``out`` and return correlation.json."""
    tables = read_table("stability", stability), read_table("sensitivity", sensitivity)
    units = units_of_summaries(*tables, roles=roles)
    folder = empty_folder(out, Settings(resamples=resamples, seed=seed))
    folder.update(inputs=[{"item": p.name, "path": str(p)} for p in (stability, sensitivity)])
    result = correlate(units, families(), seed=seed, resamples=resamples)
    conclusions = conclude(folder, [("models", "", result)], [], reporter)
    reporter.say(f"correlation: {write_page(folder)}")
    return conclusions


def read_table(name: str, path: Path) -> pd.DataFrame:
    """Read a Parquet or CSV file with the columns of a table; further columns are left out."""
    try:
        table = read_columns(path) if path.suffix.lower() == ".csv" else pd.read_parquet(path)
    except Exception as error:
        raise InputError(
            f"{path}: cannot be read as a {name} table ({in_plain_words(error)}); expected .parquet or .csv"
        ) from error
    declared = schema.TABLES[name]
    table = table[[column for column in table.columns if column in declared]]
    # such tables may not know a frame, a draw or an n; CSV has no empty text
    unknown: dict[str, Any] = {"int64": -1, "string": ""}
    for column in declared.columns:
        if column.name in table and column.kind in unknown:
            known = table[column.name].astype(object)
            table = table.assign(**{column.name: known.where(known.notna(), unknown[column.kind])})
    return schema.check(name, table, str(path))
