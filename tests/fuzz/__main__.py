"""``python -m tests.fuzz --seed K --out FILE``: the whole fuzzing; the same command again continues it."""

import argparse
import json
import sys
from pathlib import Path

from tests.fuzz.driver import cases, run, summary
from tests.fuzz.mutations import KINDS
from tests.fuzz.seeds import seeds


def main():
    """Exit code 1 where a damaged file was not coped with."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="what the damage is drawn from")
    parser.add_argument("--out", type=Path, required=True, help="a JSON line a mutation")
    parser.add_argument("--per-kind", type=int, default=100, help=f"of each of {', '.join(KINDS)}")
    chosen = parser.parse_args()
    files = seeds()
    wanted = cases(files, seed=chosen.seed, per_kind=chosen.per_kind)
    known = {}
    if chosen.out.exists():
        for line in chosen.out.read_text().splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue  # the last line of a killed process
            known[record["number"], record["kind"], record["file"]] = record
    todo = [case for case in wanted if (case.number, case.kind, case.seed) not in known]
    print(
        f"{len(files)} files, {len(wanted)} mutations, {len(wanted) - len(todo)} done before",
        flush=True,
    )
    with chosen.out.open("a") as out:
        keep = chosen.out.with_suffix(".faults")
        for number, record in enumerate(run(files, todo, chosen.seed, keep), 1):
            known[record["number"], record["kind"], record["file"]] = record
            print(json.dumps(record), file=out, flush=True)
            if record["fault"]:
                print(f"{record['kind']} {record['file']}: {record['fault'][-600:]}", flush=True)
            if number % 50 == 0:
                print(f"{number} of {len(todo)}", flush=True)
    found = summary([known[case.number, case.kind, case.seed] for case in wanted])
    faults = found.pop("faults")
    print(json.dumps(found, indent=2))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
