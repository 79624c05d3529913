"""Is a planted ratio of 2:1 between groups found, and are five flat columns silent?

    python benchmarks/group_worlds.py [--draws 200] [--seed 1]

40 clips of 250 pairs; a clip's flip rate is log-normal about .02 (sigma .6). In the world ``planted`` one column halves
the clips, one half flips twice as often, and five more columns of two to four groups say nothing. In ``flat`` six
columns say nothing. Columns are judged with the correction for six questions.

Aims: planted 2:1 found (power at this size), flat columns silent in 95 % of draws.
"""

from __future__ import annotations

import harness
import numpy as np
from harness import counted, say

from vidrobust.plugins.groups.compare import group_p, holm

CLIPS, PAIRS, RATE, OF_CLIPS = 40, 250, 0.02, 0.6
FLAT = (2, 2, 3, 4, 4)


def judged(rng: np.random.Generator, ratio: float) -> np.ndarray:
    """Corrected p of the planted column and of five flat ones."""
    night = np.arange(CLIPS) % 2
    level = RATE * np.where(night, ratio, 1.0)
    rates = np.minimum(level * np.exp(OF_CLIPS * rng.normal(size=CLIPS) - OF_CLIPS**2 / 2), 1)
    y = np.sqrt((rng.binomial(PAIRS, rates) + 0.375) / PAIRS)
    labels = [night, *(rng.permutation(np.arange(CLIPS) % k) for k in FLAT)]
    return np.array(holm([group_p(y, label, rng) for label in labels]))


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    planted = np.array([judged(rng, 2.0) for _ in range(args.draws)]) <= 0.05
    flat = np.array([judged(rng, 1.0) for _ in range(args.draws)]) <= 0.05
    say("planted 2:1 found: ", counted(int(planted[:, 0].sum()), args.draws))
    say(
        "one of five flat columns told beside it: ",
        counted(int(planted[:, 1:].any(axis=1).sum()), args.draws),
    )
    say("one of six flat columns told: ", counted(int(flat.any(axis=1).sum()), args.draws))


if __name__ == "__main__":
    harness.run(main)
