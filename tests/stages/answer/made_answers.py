"""Fabricated runs, small enough to see which sentence they allow: one model, a few rows a table."""

import pandas as pd

from vidrobust.run_folder.folder import SCHEMA
from vidrobust.run_folder.reader import RunTables
from vidrobust.run_folder.record import RunRecord
from vidrobust.stages.causes.catalogue import ACCOUNT_CAUSES, CATALOGUE, EITHER, GROUPS
from vidrobust.stages.policy.exports.write import with_levels
from vidrobust.stages.policy.policy import Policy, PolicyStep, StepEvidence
from vidrobust.stages.policy.rejection import Rejected, Rejection

NAN = float("nan")


class MadeRun(RunTables):
    """A run whose tables and files are given; what is not given has not been made."""

    def __init__(self, folder, tables, files, record):
        self.folder, self._tables, self._files = folder, tables, files
        content = {"schema": SCHEMA, "settings": {}, "stages": {}, **record}
        self.__dict__["record"] = RunRecord.of(content, "run.json")

    def table(self, name):
        found = self._tables.get(name)
        return None if found is None or found.empty else found

    def json(self, name):
        return dict(self._files.get(name, {}))


def stability(value=0.1, n=100, low=0.05, high=0.2, **more):
    row = {"model": "net", "item": "", "metric": "flip_rate", "cluster": "stretch", "clusters": 9}
    return pd.DataFrame([{**row, "value": value, "low": low, "high": high, "n": n, **more}])


def frames(probability=0.8, margin=0.5, n=20):
    rows = {"model": "net", "item": "a", "track": 0, "frame": range(n), "label_name": "bolt"}
    return pd.DataFrame({**rows, "probability": probability, "margin": margin})


def account(n=24, items=None, **groups):
    """Light explains 60 % of the change, two thirds of it a lamp of one side; a part of 25 % moves.

    Of the camera and of noise nothing is seen; whether it is the keyframes is open. ``items``: clip -> the share of
    light there.
    """
    known = {
        "moving": {"share": 0.25, "low": 0.15, "high": 0.35},
        "camera": {"share": 0.0, "low": -0.01, "high": 0.02},
        "light": {"share": 0.6, "low": 0.5, "high": 0.7},
        "noise_and_detail": {"share": 0.05, "low": -0.02, "high": 0.12},
        "not_measured": {"share": 0.0, "low": -0.02, "high": 0.02},
        "keyframes": {"share": 0.1, "low": -0.3, "high": 0.5},
    }
    of = {"model": "net", "item": "", "level": "group", "n": n, "occurs": n, "clusters": 5}
    of |= {"specific": NAN, "specific_low": NAN}
    names = [{"cause": name, "group": name} for name in GROUPS]
    rows = [{**of, **n, **known[n["cause"]], **groups.get(n["cause"], {})} for n in names]
    if EITHER.name in groups:
        rows.append({**of, "level": "either", "cause": EITHER.name, **groups[EITHER.name]})
    within = {"local_light": (0.4, 0.3, 0.5), "light": (0.2, 0.1, 0.3), "colour": (0.0, 0.0, 0.02)}
    for cause in ACCOUNT_CAUSES:
        share, low, high = within.get(cause, (0.0, -0.01, 0.02))
        ends = {"share": share, "low": low, "high": high, "specific": share, "specific_low": low}
        place = {"level": "cause", "cause": cause, "group": CATALOGUE[cause].group}
        rows.append({**of, **place, **ends})
    for item, share in (items or {}).items():
        ends = {"share": share, "low": share - 0.05, "high": share + 0.05}
        rows.append({**of, "cause": "light", "group": "light", "item": item, **ends, "n": 12})
    table = pd.DataFrame(rows)
    for name in ("low", "high"):
        pairs = table.get(f"pairs_{name}", pd.Series(NAN, table.index))
        table[f"pairs_{name}"] = pairs.fillna(table[name])
    return table


def named(*causes, found=4, tested=5):
    """Findings of groups; ``cause:local_light`` is one of a cause."""
    rows = [
        {"model": "net", "level": level or "group", "cause": cause, "scale": "adjacent"}
        | {"replication_found": found, "replication_tested": tested, "replication_of": "clips"}
        for level, _, cause in (
            ("", "", name) if ":" not in name else name.partition(":") for name in causes
        )
    ]
    return pd.DataFrame(rows, columns=["model", "level", "cause", "scale", *REPLICATION])


REPLICATION = ("replication_found", "replication_tested", "replication_of")


def sensitivity(rate=0.2, n=20, mild=0.0, items=1):
    """Of so many frames of so many clips, this share flips at the stronger of two strengths of brightness."""
    rows = []
    for strength, share in ((0.1, mild), (0.2, rate)):
        for frame in range(n):
            item = f"clip {frame % items}"
            of = {"model": "net", "item": item, "frame": 25 * frame, "perturbation": "brightness"}
            flips = float(frame < round(share * n))
            shown = {"strength": strength, "draw": 0, "metric": "label_flip", "value": flips}
            rows.append({**of, **shown})
    return pd.DataFrame(rows)


def remedy(name="majority-5", kind="rule", verdict="cannot tell", **more):
    of = {"remedy": name, "kind": kind, "model": "net", "metric": "flip_rate", "verdict": verdict}
    of |= {"before": 0.1, "after": 0.05, "ratio": 0.5, "low": 0.3, "high": 0.8, "q": 0.01, "n": 100}
    of |= {"accuracy_high": NAN, "agreement": 0.9}
    return {**of, "delay_ms": 80.0, "unreported": 0, "recommended": False, **more}


def remedies(*rows):
    return pd.DataFrame(list(rows or (remedy(),)))


def summary(rule="majority-5", verdict="cannot tell", ratio=0.5, why=""):
    held = {"before": 0.1, "after": 0.05, "ratio": ratio, "low": 0.3, "high": 0.8}
    held |= {"n": 100 if ratio is not None else 0, "clusters": 9, "cluster": "stretch"}
    one = {"rule": rule, "max_delay_ms": 200.0, "chosen_on_halves": [rule, rule], "held_out": held}
    why = "few_clusters" if ratio is None else why
    return {"models": {"net": {**one, "verdict": verdict, "why": why}}}


def step(high=0.2, **evidence):
    about = {"cause": "light", "of": "the change", "n": 24, "share": 0.4}
    about |= {"share_low": 0.3, "share_high": 0.5, "replication": "found again in 4 of 5 clips"}
    about |= {"replication_tested": 5, "replication_found": 4}
    about |= {"flips_at_most": "", "one_of": ("brightness",)}
    what = {"perturbation": "brightness", "family": "light", "unit": "relative gain"}
    proof = StepEvidence(**{**about, **evidence})
    return PolicyStep(**what, low=-0.2, high=high, probability=0.5, evidence=proof)


REFUSED = Rejected(perturbation="hue", why=Rejection.ABSENT, evidence={"cause": "colour", "n": 24})


SHARE = {
    "cause": "colour",
    "of": "the change",
    "n": 24,
    "share": 0.03,
    "low": 0.0,
    "high": 0.1,
    "times": 3,
}
OPEN = Rejected(perturbation="hue", why=Rejection.SHARE_OPEN, evidence=SHARE)


def policy(*steps, rejected=(REFUSED,), **more):
    made = Policy(steps=steps, rejected=rejected, model="net", image_size=(480, 640), **more)
    return with_levels(made)


TRIED = {"before": 0.2, "after": 0.1, "ratio": 0.5, "low": 0.3, "high": 0.8}


def run(
    folder,
    *,
    tables=None,
    files=None,
    made=None,
    record=None,
    spec="torchvision:resnet18",
    task="classification",
):
    """A run in which every stage has run; ``tables`` and ``files`` replace its own, None takes one away."""
    whole = {
        "frames": frames(),
        "stability": stability(),
        "account": account(),
        "named": named("light", "cause:light"),
        "sensitivity": sensitivity(),
        "remedies": remedies(),
        **(tables or {}),
    }
    kept = {"remedies.json": summary(), **(files or {})}
    about = {"name": "net", "spec": spec, "task": task, "num_classes": 1000}
    inputs = [{"item": "a"}, {"item": "b"}]
    folder.mkdir(parents=True, exist_ok=True)
    if made is not None:
        (folder / "policy.json").write_text(made.to_json())
    found = {name: table for name, table in whole.items() if table is not None}
    stages = {name: {} for name in ("stability", "causes", "policy")}
    noted = {"models": [about], "inputs": inputs, "stages": stages, **(record or {})}
    return MadeRun(folder, found, kept, noted)
