"""From answers frame by frame to one verdict and one score a part, pass and operator."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from vidrobust.errors import SettingsError

# How the frames of an item become one verdict.
RULES = {
    "majority": "the class of most frames, a tie is a defect",
    "any-defect": "a defect if any frame shows one",
    "mean": "the class with the largest mean probability",
    "last": "the class of the last frame",
    "worst": "the class of the frame in which a defect is most probable",
}
# How the defect's probability over the frames becomes one score, by the rule of the verdict.
SCORES = {"majority": "mean", "mean": "mean", "last": "last", "any-defect": "max", "worst": "max"}


def check_rule(rule: str, defect: Iterable[str]) -> None:
    """SettingsError for a rule that does not exist, or that needs to know what a defect is."""
    if rule not in RULES:
        raise SettingsError(f"--rule {rule}: there is no such rule; there are {', '.join(RULES)}")
    if rule in ("any-defect", "worst") and not set(defect):
        raise SettingsError(f"--rule {rule} needs --defect CLASS[,CLASS]")


def verdicts(
    frames: pd.DataFrame,
    probabilities: pd.DataFrame,
    items: pd.DataFrame,
    *,
    rule: str = "majority",
    defect: Iterable[str] = (),
) -> pd.DataFrame:
    """Return one row an item and model: part, operator, trial, value, score, reference, item, model.

    ``defect`` names the classes whose summed probability is the score. The operator is the model where there are
    several, else the station; where both vary, the station stands in the trial.
    """
    wrong = set(defect)
    check_rule(rule, wrong)
    known = items[items["part"] != ""].set_index("item")
    frames = frames[frames["item"].isin(known.index)].sort_values("frame", kind="stable")
    bad = probabilities[probabilities["label_name"].isin(wrong)]
    bad_share = bad.groupby(["item", "model", "frame"])["probability"].sum()
    models, stations = frames["model"].nunique(), known["station"].nunique()
    rows = []
    for (item, model), of in frames.groupby(["item", "model"], sort=False):
        each = pd.MultiIndex.from_frame(of[["item", "model", "frame"]])
        score = bad_share.reindex(each).fillna(0.0).to_numpy() if wrong else None
        summary = known.loc[item]
        mine = probabilities[(probabilities["item"] == item) & (probabilities["model"] == model)]
        value = _verdict(rule, of["label_name"].tolist(), score, mine, wrong)
        trial = (
            f"{summary['station']}/{summary['pass']}" if models > 1 and stations > 1 else str(summary["pass"])
        )
        rows.append(
            {
                "part": str(summary["part"]),
                "operator": str(model) if models > 1 or stations < 2 else str(summary["station"]),
                "trial": trial,
                "value": value,
                "score": float("nan") if score is None else _score(SCORES[rule], score),
                "reference": str(summary["label"]),
                "item": str(item),
                "model": str(model),
            }
        )
    columns = ["part", "operator", "trial", "value", "score", "reference", "item", "model"]
    return pd.DataFrame(rows, columns=columns)


def _verdict(
    rule: str, labels: list[str], score: object, probabilities: pd.DataFrame, defect: set[str]
) -> str:
    counts = pd.Series(labels).value_counts()
    if rule == "last":
        return labels[-1]
    if rule == "mean":
        total = probabilities[probabilities["label_name"] != ""].groupby("label_name")["probability"].sum()
        return str(total.sort_index().idxmax())
    if rule == "worst":
        return labels[int(pd.Series(score).idxmax())]
    if rule == "any-defect":
        seen = [name for name in counts.index if name in defect]
        return str(seen[0]) if seen else str(counts.index[0])
    most = sorted(counts.index[counts == counts.iloc[0]])
    return next((str(name) for name in most if name in defect), str(most[0]))


def _score(how: str, score: object) -> float:
    values = pd.Series(score)
    return float({"mean": values.mean(), "last": values.iloc[-1], "max": values.max()}[how])
