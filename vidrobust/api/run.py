"""Run: a finished run folder from Python."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from vidrobust.errors import InputError
from vidrobust.report.pages import rendered
from vidrobust.run_folder.folder import RunFolder
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.record import Figure
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.causes.section import SharedOut, shared_out
from vidrobust.stages.stability.by_clip import flips_of
from vidrobust.stages.stability.rates import overall
from vidrobust.stages.stability.section import ModelCard, cards
from vidrobust.tables import schema
from vidrobust.text.phrases import among, plural


@dataclass(frozen=True)
class Verdict:
    """How stable one model is."""

    word: str  # "steady", "flickering", "flickering or worse", "unstable", "cannot tell" or "not measured"
    sentence: str
    # What the word is about, with its 95 % interval; NaN if unknown.
    metric: str
    value: float
    low: float
    high: float
    n: int  # pairs of frames, or frames of tracks, that were counted


# What other programs call tables
CALLED = {"boxes": "detections", "objects": "tracks", "predictions": "frames"}


class Tables(Mapping[str, pd.DataFrame]):
    """The tables of a run by name. ``list`` names those with rows; other declared tables are empty."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._read: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            known = name in schema.TABLES
            if not known and not self._folder.has(name):
                raise KeyError(f"no table {name!r}{among(CALLED.get(name, name), schema.TABLES)}")
            path = self._folder.path / f"{name}.parquet"
            self._read[name] = self._folder.table(name) if known else pd.read_parquet(path)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.stem for path in self._folder.path.glob("*.parquet")))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Run:
    """A finished run.

    >>> run = load_run("reports/clip")  # doctest: +SKIP
    >>> run.verdict["efficientnet-lite0"].word, run.flips.head()  # doctest: +SKIP
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.folder = RunFolder.existing(Path(path))
        self.path = self.folder.path

    @cached_property
    def tables(self) -> Tables:
        """Every table of the run by name."""
        return Tables(self.folder)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the run."""
        return self.folder.table(name)

    @cached_property
    def models(self) -> list[str]:
        """Names of the models, classifiers first."""
        return list(self._read.tasks)

    @cached_property
    def verdict(self) -> dict[str, Verdict]:
        """How stable each model is; empty before the stability stage has run."""
        return {card.name: self._verdict(card) for card in self._cards}

    @property
    def account(self) -> pd.DataFrame:
        """Shares over all inputs: model, level, group, cause, share, low, high, n.

        Rows of level "group" add up to 1 for each model; those of level "cause" are of what lies in the groups.
        Raises InputError before the causes stage has run.
        """
        if "causes" not in self._read.record.stages:
            raise InputError(
                f"{self.path}: has no account yet; make it: vidrobust causes {self.path}"
            )
        account = self.folder.table("account")
        columns = ["model", "level", "group", "cause", "share", "low", "high", "n"]
        return account.loc[account["item"] == "", columns].reset_index(drop=True)

    @property
    def policy(self) -> dict[str, Any]:
        """What to train with; raises InputError before the policy stage has run."""
        if not (self.path / "policy.json").is_file():
            raise InputError(
                f"{self.path}: has no policy yet; make it: vidrobust policy {self.path}"
            )
        return self.folder.read_json("policy.json")

    @property
    def metrics(self) -> pd.DataFrame:
        """The headline figures of all models, a row each.

        Columns: model, metric, value, low and high (95 % interval), n (what it is the rate or mean of),
        cluster and clusters (what the interval takes as independent, and how many), exact_low and exact_high
        (of right answers, with all n as independent). Unknown numbers are NaN.
        """
        rows = [
            {"model": model, "metric": metric, **asdict(figure)}
            for model, figures in self.folder.metrics.models.items()
            for metric, figure in figures.items()
        ]
        names = ["model", "metric", *(field.name for field in fields(Figure))]
        numbers = ["value", "low", "high", "exact_low", "exact_high"]
        return pd.DataFrame(rows, columns=names).astype(dict.fromkeys(numbers, "float64"))

    @cached_property
    def flips(self) -> pd.DataFrame:
        """Flips between neighbouring frames: model, item, time_s, frame_a, frame_b, before, after, size."""
        return flips_of(self._read)

    @property
    def settings(self) -> Settings:
        return self.folder.settings

    @property
    def report(self) -> Path:
        """Path of report.html, whether or not it has been made."""
        return self.path / "report.html"

    def __repr__(self) -> str:
        verdicts = "; ".join(f"{name}: {v.word}" for name, v in self.verdict.items())
        models = ", ".join(self.models)
        footage = f"{plural(len(self._read.items), 'input')}, {plural(self._frames, 'frame')}"
        return "\n".join(
            (
                f"vidrobust run {self.path}",
                f"  footage  {footage}; models: {models}",
                f"  stable?  {verdicts or 'the stability stage has not run'}",
                f"  why?     {self._why()}",
                f"  flips    {len(self.flips)}; report: {self.report}",
            )
        )

    def _repr_html_(self) -> str:
        return rendered(
            "notebook.html",
            {"path": str(self.path), "cards": self._cards, "accounts": self._accounts},
        )

    @cached_property
    def _read(self) -> RunTables:
        return RunTables(self.path)

    @cached_property
    def _cards(self) -> list[ModelCard]:
        return cards(self._read)

    @cached_property
    def _accounts(self) -> list[SharedOut]:
        return shared_out(self._read)

    @property
    def _frames(self) -> int:
        return sum(entry.frames for entry in self._read.record.inputs)

    def _why(self) -> str:
        drawn = [account for account in self._accounts if account.groups]
        if not drawn:
            return "the causes stage has not run, or had too few pairs"
        return "; ".join(
            f"{account.model}: "
            + (
                ", ".join(f"{g.title} {g.share}" for g in account.groups if g.sure)
                or "nothing sure"
            )
            for account in drawn
        )

    def _verdict(self, card: ModelCard) -> Verdict:
        metric = self._read.tasks[card.name].answered[0]
        row = overall(self.folder.table("stability"), card.name, metric)
        value, low, high = (float(row[name]) for name in ("value", "low", "high"))
        return Verdict(
            card.judgement.word, f"{card.judgement.why}.", metric, value, low, high, int(row["n"])
        )


def load_run(path: str | os.PathLike[str]) -> Run:
    """Open a run folder to read its answers and tables; InputError if it is none."""
    return Run(path)
