"""How far a whole study is, and how long the rest takes: steps done against the steps that were foreseen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

TRUSTED = 0.05
"""Share of the work after which the pace so far counts for as much as the estimate did."""
TABLES = "tables"
"""The unit of the stages that read tables, whose steps nobody counts one by one."""


@dataclass
class Whole:
    """Work in the seconds that it was expected to take.

    step_s   seconds of one step by its unit ("frames", "pairs", ...)
    steps    how many of each are ahead
    started  by the clock of ``time.perf_counter``
    """

    step_s: Mapping[str, float]
    steps: Mapping[str, int]
    started: float = field(default_factory=time.perf_counter)
    _done: dict[str, int] = field(default_factory=dict)
    _fewer: dict[str, int] = field(default_factory=dict)

    def advance(self, unit: str, count: int) -> bool:
        """So many steps of a unit are done; whether that is work of this study."""
        if unit not in self.step_s:
            return False
        self._done[unit] = self._done.get(unit, 0) + count
        return True

    def fewer(self, unit: str, count: int) -> None:
        """So many steps that were foreseen are not there to be done: a clip had fewer pairs."""
        self._fewer[unit] = self._fewer.get(unit, 0) + max(0, count)

    @property
    def total_s(self) -> float:
        """Of all steps that are, as far as is known, to be done or done."""
        return sum(self.step_s[unit] * self._known(unit) for unit in self.step_s)

    @property
    def done_s(self) -> float:
        return sum(self.step_s[unit] * min(done, self._known(unit)) for unit, done in self._done.items())

    def _known(self, unit: str) -> int:
        return max(0, self.steps[unit] - self._fewer.get(unit, 0))

    @property
    def share(self) -> float:
        """Of the work that is done, 0 to 1."""
        return min(1.0, self.done_s / max(self.total_s, 1e-9))

    def left_s(self, now: float | None = None) -> float:
        """Seconds until the end, by the pace so far and, in the beginning, by the estimate.

        The pace is the time that has passed over the time that the steps done were expected to take; the estimate
        stands for ``TRUSTED`` of the work at a pace of 1.
        """
        passed = (time.perf_counter() if now is None else now) - self.started
        trusted = TRUSTED * self.total_s
        pace = (passed + trusted) / max(self.done_s + trusted, 1e-9)
        return max(0.0, self.total_s - self.done_s) * pace
