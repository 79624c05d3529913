"""What a finding costs a model: the share that the account gives to its causes."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidrobust.text.numbers import number, percent_with_interval
from vidrobust.text.phrases import plural


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One cause of the account."""

    cause: str = ""
    share: float = math.nan  # of the model's squared change
    low: float = math.nan
    high: float = math.nan
    flips_due: float = math.nan
    flips: int = 0  # among the replayed pairs

    @property
    def text(self) -> str:
        change = f"{percent_with_interval(self.share, self.low, self.high)} of the model's change"
        return f"{change} ({self.cause}), {number(self.flips_due)} of {plural(self.flips, 'replayed flip')}"

    def as_row(self) -> dict[str, Any]:
        return {
            "cost": self.share,
            "cost_low": self.low,
            "cost_high": self.high,
            "flips_due": self.flips_due,
        }


def costs_of(clips: Sequence[str], chosen: Mapping[str, Any]) -> dict[str, dict[str, Cost]]:
    """Study the clips with the model and return the account's causes of each clip."""
    import vidrobust

    settings = {name: chosen[name] for name in ("start_s", "end_s") if chosen[name] is not None}
    with tempfile.TemporaryDirectory() as temporary:
        out = chosen["out"] / "study" if chosen["out"] else Path(temporary) / "study"
        run = vidrobust.study(
            list(clips), chosen["model"], out=out, settings=settings, stages=("causes",)
        )
        account, items = run.tables["account"], run.tables["items"]["item"]
        rows = account[account["level"] == "cause"]
        costs: dict[str, dict[str, Cost]] = {str(item): {} for item in items}
        for item, of_item in costs.items():
            own = rows[rows["item"] == item]
            for row in (own if len(own) else rows[rows["item"] == ""]).to_dict("records"):
                of_item[row["cause"]] = Cost(
                    **{
                        name: row[name]
                        for name in ("cause", "share", "low", "high", "flips_due", "flips")
                    }
                )
    return costs
