"""Whether a named cause was found again on footage that did not name it, in words and as a condition of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Why a finding could not be tested, by what would have been kept aside.
UNTESTED = {
    "clips": "not tested: too few pairs of a clip show it",
    "later half of the footage": "not tested: too few pairs in half of the footage show it",
}
LEAST = 0.5  # share of the tests in which a cause must be found again for a step to follow from it


@dataclass(frozen=True, kw_only=True)
class Replication:
    """How often a finding was ``tested`` on footage that did not make it, and ``found``; ``of`` what was kept
    aside.
    """

    found: int = 0
    tested: int = 0
    of: str = ""

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Replication:
        tested = row.get("replication_tested", 0)
        of = str(row.get("replication_of") or "")
        if tested != tested or not tested:
            return cls(of=of)
        return cls(found=int(row["replication_found"]), tested=int(tested), of=of)

    @property
    def fails(self) -> bool:
        return self.tested > 0 and self.found < LEAST * self.tested

    @property
    def in_words(self) -> str:
        if not self.tested:
            return UNTESTED.get(self.of, "not tested")
        if self.of != "clips":
            again = "found again" if self.found else "not found again"
            return f"{again} in the {self.of}"
        return f"found again in {self.found} of {self.tested} clips"
