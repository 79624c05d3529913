"""From answers frame by frame to one verdict, score or length a part, pass and operator."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from vidrobust.errors import SettingsError

# What can be measured of a box, in px or, by a factor, in mm.
MEASURES = {
    "width": "width of the surest box",
    "height": "height of the surest box",
    "size": "root of the area of the surest box",
    "x": "middle of the surest box from the left edge",
    "y": "middle of the surest box from the upper edge",
}


def check_measure(measure: str | None, mm_per_px: float) -> None:
    """SettingsError for a measure that does not exist, or a factor that is not above 0."""
    if measure is not None and measure not in MEASURES:
        raise SettingsError(
            f"--measure {measure}: there is no such measure; there are {', '.join(MEASURES)}"
        )
    if not mm_per_px > 0:
        raise SettingsError(f"--mm-per-px: expected a factor above 0, got {mm_per_px:g}")


def measured_boxes(
    detections: pd.DataFrame, measure: str, *, start_score: float, mm_per_px: float = 1.0
) -> pd.Series:
    """By (item, model), the median over frames of a measure of each frame's best box."""
    counts = detections[detections["score"] >= start_score]
    best = counts.sort_values("score", ascending=False, kind="stable").drop_duplicates(
        ["item", "model", "frame"]
    )
    width, height = best["x2"] - best["x1"], best["y2"] - best["y1"]
    values = {
        "width": width,
        "height": height,
        "size": (width * height) ** 0.5,
        "x": (best["x1"] + best["x2"]) / 2,
        "y": (best["y1"] + best["y2"]) / 2,
    }[measure]
    return (values * mm_per_px).groupby([best["item"], best["model"]]).median()


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
    """Return one row an item and model."""
    wrong = set(defect)
    check_rule(rule, wrong)
    known = items[items["part"] != ""].set_index("item")
    frames = frames[frames["item"].isin(known.index)].sort_values("frame", kind="stable")
    bad = probabilities[probabilities["label_name"].isin(wrong)]
    bad_share = bad.groupby(["item", "model", "frame"])["probability"].sum()
    models, stations = frames["model"].nunique(), known["station"].nunique()
    rows = []
    for (item, model), of in frames.groupby(["item", "model"], sort=False):
        index = pd.MultiIndex.from_frame(of[["item", "model", "frame"]])
        score = bad_share.reindex(index).fillna(0.0).to_numpy() if wrong else None
        summary = known.loc[item]
        mine = probabilities[(probabilities["item"] == item) & (probabilities["model"] == model)]
        value = _verdict(rule, of["label_name"].tolist(), score, mine, wrong)
        trial = (
            f"{summary['station']}/{summary['pass']}"
            if models > 1 and stations > 1
            else str(summary["pass"])
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
        total = (
            probabilities[probabilities["label_name"] != ""]
            .groupby("label_name")["probability"]
            .sum()
        )
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
