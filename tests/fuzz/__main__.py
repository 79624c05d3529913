"""``python -m tests.fuzz --seed K --out FILE``: the whole fuzzing."""

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
    print(f"{len(files)} files, {len(wanted)} mutations", flush=True)
    records = []
    with chosen.out.open("w") as out:
        for record in run(files, wanted, chosen.seed, chosen.out.with_suffix(".faults")):
            records.append(record)
            print(json.dumps(record), file=out, flush=True)
            if record["fault"]:
                print(f"{record['kind']} {record['file']}: {record['fault'][-600:]}", flush=True)
    found = summary(records)
    faults = found.pop("faults")
    print(json.dumps(found, indent=2))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
