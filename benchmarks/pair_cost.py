"""What does a pair of the account cost, here and in another checkout?

    git worktree add /tmp/before d2cd21a2^       # the last commit before the exact account
    python benchmarks/pair_cost.py CLIP MODEL --other /tmp/before [--seconds 4] [--pairs 12] [--rounds 2]

The stage ``causes`` runs on the first seconds of a clip, in a process of its own for each checkout, in turn. Of the
stage's own work the pictures that the model is asked for and the processor seconds are counted, by pair. Pictures for
the map of places stand apart, since it is drawn of twelve pairs however many there are. Processor seconds of one round
to the next vary by a tenth where other work shares the machine, so the least is taken.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import harness
from harness import say

ROOT = Path(__file__).resolve().parents[1]
AIM = 1.3


def measure(clip: str, model: str, seconds: float, pairs: int) -> dict[str, float]:
    """Pairs, pictures asked for and processor seconds of the stage, in this process's checkout."""
    from vidrobust.api.study import study
    from vidrobust.models import predict as engine
    from vidrobust.stages.causes.stage import CausesStage

    count = {"pictures": 0.0, "seconds": 0.0, "pairs": 0.0, "of_map": 0.0}
    asked, work = engine.predict, CausesStage.work
    if find_spec("vidrobust.stages.causes.places"):  # the other checkout may not have it
        from vidrobust.stages.causes.places import PlacesToMap

        rows = PlacesToMap.rows

        def mapped(self: PlacesToMap, *given: Any) -> Any:
            before = count["pictures"]
            found = rows(self, *given)
            count["of_map"] += count["pictures"] - before
            return found

        PlacesToMap.rows = mapped  # type: ignore[method-assign]

    def counted(model: Any, pixels: Any, *more: Any, **named: Any) -> Any:
        count["pictures"] += len(pixels)
        return asked(model, pixels, *more, **named)

    def timed(self: CausesStage, *given: Any) -> Any:
        engine.predict = counted  # other stages have imported the function itself
        began = time.process_time()
        found = work(self, *given)
        count["seconds"] += time.process_time() - began
        engine.predict = asked
        count["pairs"] += sum(facts["pairs"] for _, facts in found.values())
        return found

    CausesStage.work = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as out:
        settings = {"end_s": seconds, "pairs": pairs}
        study(clip, model, Path(out) / "run", settings, stages=("causes",))
    return count


def in_checkout(root: Path, *arguments: str) -> dict[str, float]:
    """The same in a process that imports the package of a checkout."""
    command = [sys.executable, str(Path(__file__).resolve()), *arguments, "--measure"]
    took = harness.timed(command, PYTHONPATH=str(root), OMP_NUM_THREADS="1")
    found: dict[str, float] = json.loads(took.printed.splitlines()[-1])
    return found


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("clip")
    parser.add_argument("model")
    parser.add_argument("--other", type=Path, help="the checkout to compare with")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--measure", action="store_true", help="measure this checkout, print JSON")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.clip, given.model, given.seconds, given.pairs)))
        return
    asked = [given.clip, given.model, f"--seconds={given.seconds}", f"--pairs={given.pairs}"]
    roots = {"here": ROOT} | ({"other": given.other.resolve()} if given.other else {})
    rounds = [
        {name: in_checkout(root, *asked) for name, root in roots.items()}
        for _ in range(given.rounds)
    ]
    table = harness.table(
        "checkout", "pairs", "pictures a pair", "of the map", "seconds a pair", digits=2
    )
    cost = {}
    for name in roots:
        pairs = rounds[0][name]["pairs"]
        of_map = rounds[0][name]["of_map"] / pairs
        pictures = rounds[0][name]["pictures"] / pairs - of_map
        cost[name] = pictures, min(each[name]["seconds"] for each in rounds) / pairs
        table.row(name, int(pairs), cost[name][0], of_map, cost[name][1])
    if given.other:
        pictures, seconds = (a / b for a, b in zip(cost["here"], cost["other"], strict=True))
        say(
            f"\nhere / other: {pictures:.2f} pictures without the map, {seconds:.2f} seconds; the aim is {AIM}"
        )


if __name__ == "__main__":
    harness.run(main)
