"""How often the intervals of repeatability studies cover.

    python benchmarks/repeatability.py [--runs 1000] [--seed 0] [--only gauge|likelihood|attribute]

gauge      crossed and nested studies with known components: coverage of every component and of %GRR, in percent
likelihood the same of studies with empty cells, lost values, unequal operators and a further factor
attribute  Fleiss' and Cohen's kappa of good, bad and borderline parts, 15 to 100 parts
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import harness
import numpy as np
import pandas as pd
from harness import say

from vidrobust.plugins.gauge.attributes.raters import fleiss_kappa
from vidrobust.plugins.gauge.variables.gauge import gauge_study
from vidrobust.statistics.intervals import cohens_kappa


def long(value: np.ndarray, *, nested: bool = False) -> pd.DataFrame:
    """The table of measurements (parts, operators, trials); nested: each operator has parts of its own."""
    p, o, t = (index.ravel() for index in np.indices(value.shape))
    part = [f"{a}/{b}" for a, b in zip(o, p, strict=True)] if nested else p.astype(str)
    return pd.DataFrame(
        {"part": part, "operator": o.astype(str), "trial": t.astype(str), "value": value.ravel()}
    )


def measured(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    sds: tuple[float, ...],
    *,
    nested: bool = False,
) -> pd.DataFrame:
    """A study with the standard deviations of parts, operators, interaction, repeatability."""
    p, o, r = shape
    value = sds[0] * rng.normal(size=(p, o if nested else 1, 1)) + sds[1] * rng.normal(
        size=(1, o, 1)
    )
    value = value + sds[2] * rng.normal(size=(p, o, 1)) + sds[3] * rng.normal(size=(p, o, r))
    return long(value, nested=nested)


@dataclass(frozen=True)
class Design:
    """A study, balanced or not.

    shape  parts, operators, trials; sds of parts, operators, interaction, repeatability; nested: each operator has
           parts of its own; unequal: and the first one twice as many
    empty  share of cells; lost: share of the other values; days: how many, each value of one of them; day_sd
    """

    shape: tuple[int, int, int]
    sds: tuple[float, float, float, float]
    empty: float = 0.0
    lost: float = 0.0
    days: int = 0
    day_sd: float = 0.0
    nested: bool = False
    unequal: bool = False

    @property
    def truth(self) -> dict[str, float]:
        """By component its variance."""
        part, operator, interaction, error = (sd**2 for sd in self.sds)
        day = self.day_sd**2
        reproducibility = operator + interaction + day
        return {
            "repeatability": error,
            "operator": operator,
            "interaction": interaction,
            "day": day,
            "reproducibility": reproducibility,
            "part": part,
            "grr": reproducibility + error,
            "total": part + reproducibility + error,
        }

    def drawn(self, rng: np.random.Generator) -> pd.DataFrame:
        """A table of it."""
        table = measured(rng, self.shape, self.sds, nested=self.nested or self.unequal)
        if not (self.empty or self.lost or self.days or self.unequal):
            return table
        p, o, _ = self.shape
        cell = table.groupby(["part", "operator"], sort=False).ngroup().to_numpy()
        gone = rng.choice(p * o, round(self.empty * p * o), replace=False)
        if self.unequal:
            first = (table["operator"] != "0").to_numpy()
            gone = np.unique(
                cell[first & (table["part"].str.split("/").str[1].astype(int) >= p // 2)]
            )
        if self.days:
            day = rng.integers(0, self.days, len(table))
            table = table.assign(day=day.astype(str))
            table["value"] += (self.day_sd * rng.normal(size=self.days))[day]
        return table[~np.isin(cell, gone) & (rng.random(len(table)) >= self.lost)].reset_index(
            drop=True
        )

    @property
    def name(self) -> str:
        """In words."""
        text = " x ".join(map(str, self.shape)) + "; " + ", ".join(f"{sd:g}" for sd in self.sds)
        text += f"; {100 * self.empty:g} % of cells empty" if self.empty else ""
        text += f"; {100 * self.lost:g} % of values lost" if self.lost else ""
        text += f"; {self.days} days of {self.day_sd:g}" if self.days else ""
        text += "; nested" if self.nested else ""
        return text + ("; nested, one operator with twice the parts" if self.unequal else "")


BALANCED = (
    Design((10, 3, 3), (2.0, 0.5, 0.3, 0.5)),
    Design((10, 3, 2), (2.0, 0.3, 0.0, 0.5)),
    Design((20, 5, 2), (1.0, 0.5, 0.3, 0.5)),
    Design((10, 3, 3), (2.0, 0.0, 0.0, 0.5)),
    Design((5, 6, 3), (2.0, 0.5, 0.0, 0.5), nested=True),
)
LOSSY = (
    Design((10, 3, 3), (2.0, 0.5, 0.3, 0.5), empty=0.1, lost=0.05),
    Design((10, 3, 2), (2.0, 0.0, 0.0, 0.5), empty=0.1, lost=0.05),
    Design((20, 5, 2), (1.0, 0.5, 0.3, 0.5), empty=0.2, lost=0.05),
    Design((10, 2, 2), (1.0, 0.3, 0.3, 0.5), empty=0.15),
    Design((10, 3, 3), (2.0, 0.5, 0.0, 0.5), days=3, day_sd=0.5),
    Design((10, 3, 3), (2.0, 0.5, 0.0, 0.5), empty=0.1, days=6, day_sd=0.5),
    Design((10, 4, 3), (2.0, 0.5, 0.0, 0.5), unequal=True),
)


def components(designs: Sequence[Design], rng: np.random.Generator, runs: int) -> None:
    """Coverage of the components, those that a study of its design has."""
    names = list(designs[0].truth)
    say("\n| study | " + " | ".join((*names, "%GRR")) + " |\n" + "|---" * 10 + "|")
    for design in designs:
        truth = design.truth
        percent = 100 * math.sqrt(truth["grr"] / truth["total"])
        held: dict[str, list[bool]] = {name: [] for name in (*names, "%GRR")}
        for run in range(runs):
            factors = ["day"] if design.days else []
            found = gauge_study(design.drawn(rng), factors=factors, seed=run)
            for name in set(names) & set(found.components):
                each = found.components[name]
                held[name].append(each.variance_low <= truth[name] <= each.variance_high)
            held["%GRR"].append(found.percent_grr_low <= percent <= found.percent_grr_high)
        cells = (f"{100 * np.mean(each):.1f}" if each else "" for each in held.values())
        say(f"| {design.name} | " + " | ".join(cells) + " |")


def votes(
    rng: np.random.Generator,
    parts: int,
    ratings: int,
    error: float,
    borderline: float,
    defects: float,
) -> np.ndarray:
    """(parts, ratings) bool: who calls which part bad."""
    chance = np.where(rng.random(parts) < defects, 1 - error, error)
    chance = np.where(rng.random(parts) < borderline, 0.5, chance)
    return rng.random((parts, ratings)) < chance[:, None]


def attribute(rng: np.random.Generator, runs: int) -> None:
    """Coverage of the kappas."""
    worlds = [
        (0.02, 0.1, 0.5),
        (0.05, 0.0, 0.3),
        (0.01, 0.0, 0.5),
        (0.02, 0.2, 0.2),
        (0.15, 0.1, 0.5),
    ]
    say(
        "\n| error, borderline, defects | kappa | "
        + " | ".join(f"{n} parts" for n in (15, 30, 50, 100))
        + " |"
    )
    say("|---" * 6 + "|")
    for error, borderline, defects in worlds:
        many = votes(rng, 1_000_000, 6, error, borderline, defects)
        truth = {
            "Fleiss": fleiss_kappa(_counts(many), np.arange(len(many)) % 2).value,
            "Cohen": cohens_kappa(many[:, 0], many[:, 1], np.arange(len(many)) % 2).value,
        }
        held = {name: [0, 0, 0, 0] for name in truth}
        for k, parts in enumerate((15, 30, 50, 100)):
            for _ in range(runs):
                drawn = votes(rng, parts, 6, error, borderline, defects)
                for name, found in (
                    ("Fleiss", fleiss_kappa(_counts(drawn))),
                    ("Cohen", cohens_kappa(drawn[:, 0], drawn[:, 1], np.arange(parts))),
                ):
                    held[name][k] += not found.low > truth[name] and not found.high < truth[name]
        for name, counts in held.items():
            row = " | ".join(f"{100 * n / runs:.1f}" for n in counts)
            say(f"| {error:g}, {borderline:g}, {defects:g} | {name} {truth[name]:.2f} | {row} |")


def _counts(bad: np.ndarray) -> np.ndarray:
    return np.column_stack([(~bad).sum(axis=1), bad.sum(axis=1)])


def main() -> None:
    """Print the tables."""
    parser = harness.parser(__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["gauge", "likelihood", "attribute"])
    arguments = parser.parse_args()
    parts = {
        "gauge": partial(components, BALANCED),
        "likelihood": partial(components, LOSSY),
        "attribute": attribute,
    }
    for name, part in parts.items():
        if arguments.only in (None, name):
            part(np.random.default_rng(arguments.seed), arguments.runs)


if __name__ == "__main__":
    harness.run(main)
