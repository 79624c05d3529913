"""What the answer says of stability."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from vidrobust.metrics.catalogue import find_metric
from vidrobust.metrics.metric import Metric
from vidrobust.run_folder.gates import accepted_limit
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.stability.by_clip import flips_of
from vidrobust.stages.stability.rates import (
    figures_with_labels,
    in_words,
    not_compared,
    overall,
    with_unknown,
)
from vidrobust.stages.stability.rates import stability as judged
from vidrobust.stages.stability.section import flips_a_second, separate, times_a_second
from vidrobust.statement import Level, Question, Statement, figures_of
from vidrobust.statistics.levels import FEWEST_CLUSTERS, FEWEST_ROWS
from vidrobust.text.numbers import clock, known, number, percent, percent_with_interval
from vidrobust.text.phrases import capital, cut, plural

# Median top probability below which a classifier of many classes does not seem to know what it sees.
# Classifiers of ImageNet have .7 and more on pictures of their classes, and .1 to .3 on footage that shows
# none of them.
UNKNOWN_SCENE = 0.3
# the same limit for few classes: a median top probability below so many times 1 / classes
CHANCE = 1.5
MANY_CLASSES = 10  # assumed where the number of a model's classes is not known
# Lead of the top class below which the frame is a near tie: any change of the picture can turn it.
NEAR_TIE = 0.05
# What is wrong of a known box in TIDE's words (Bolya et al. 2020), and in ours
FLICKERS = {"missed": "missed", "location": "in the wrong place", "class": "of the wrong class"}
# Upper end of an interval, as a multiple of the rate, from which on the rate alone would mislead: ten times
# is the whole band between steady and unstable.
FAR_ABOVE = 10
MOST_TIES = 0.5  # share of near ties from which the labels say little about the scene


@dataclass(frozen=True)
class SceneConfidence:
    """How sure a classifier is of what it sees, over all frames."""

    probability: float  # median of the top probability
    ties: float  # share of frames that are near ties
    n: int  # frames
    # False where the model does not seem to know the scene; True also from too few frames to say.
    is_known: bool

    @property
    def reason(self) -> str:
        """Why the scene does not seem to be known, as half a sentence."""
        if self.ties >= MOST_TIES:
            return f"{percent(self.ties)} of the frames are near ties between two classes"
        return f"the median of its top probability is {number(self.probability)}"


def scene_confidence(frames: pd.DataFrame, num_classes: int) -> SceneConfidence:
    """Judge from rows of ``frames`` whether one classifier knows the scene; ``num_classes`` 0 is unknown."""
    if len(frames) < FEWEST_ROWS:
        return SceneConfidence(float("nan"), float("nan"), len(frames), True)
    median = float(frames["probability"].median())
    lead = frames["margin"].to_numpy(np.float64)
    ties = float((lead[np.isfinite(lead)] < NEAR_TIE).mean()) if np.isfinite(lead).any() else 0.0
    least = max(UNKNOWN_SCENE, CHANCE / (num_classes or MANY_CLASSES))
    return SceneConfidence(median, ties, len(frames), median >= least and ties < MOST_TIES)


def scene_of(run: RunTables, model: str) -> SceneConfidence | None:
    """The same of a model of a run; None of a detector, or where no frame was answered."""
    frames = run.rows("frames")
    rows = frames[frames["model"] == model]
    return scene_confidence(rows, _num_classes(run, model)) if len(rows) else None


def _num_classes(run: RunTables, model: str) -> int:
    """Classes of a model; 0 where the run does not say."""
    return next((each.num_classes for each in run.record.models if each.name == model), 0)


def statements(run: RunTables) -> Iterator[Statement]:
    """The statements of every model, in the order of the models."""
    stability = run.table("stability")
    for model in run.tasks:
        yield from _scene(run, model)
        if stability is None:
            yield Statement.missing(
                Question.STABLE,
                "Not measured: the stability stage has not run.",
                "stability_not_run",
                model,
                command=f"vidrobust stability {run.folder_name}",
            )
            continue
        yield from _accepted(run, stability, model)
        yield from _with_labels(stability, model, run.tasks[model].name)
        yield from _flickers(run, model)
        yield from _rates(run, stability, model)
        yield from _worst(run, model)


def _accepted(run: RunTables, stability: pd.DataFrame, model: str) -> Iterator[Statement]:
    """Hold, watch or fine, by the ends of a rate's interval against each limit that was set."""
    for text in run.record.settings.get("accept") or ():
        gate = accepted_limit(text)
        metric, row = find_metric(gate.metric, run.tasks[model].name), None
        if metric is not None and gate.metric in set(stability["metric"]):
            row = overall(stability, model, gate.metric)
        called = (
            metric.wording.called if metric and metric.wording else gate.metric.replace("_", " ")
        )
        limit = f"the limit of {percent(gate.limit)}"
        if row is None or row["n"] < FEWEST_ROWS or not known(row["high"]):
            said = f"Watch: the {called} was not measured well enough to hold it against {limit}."
        elif row["high"] < gate.limit:
            said = f"Fine: the {called} is at most {percent(row['high'])}, below {limit}."
        elif row["low"] >= gate.limit:
            said = f"Hold: the {called} is at least {percent(row['low'])}, above {limit}."
        else:
            said = f"Watch: the {called} may be as high as {percent(row['high'])}, above {limit}."
        figures = {} if row is None else figures_of(row)
        yield Statement(Question.ACCEPT, said, Level.MEASURED, "accepted", model, **figures)


def _scene(run: RunTables, model: str) -> Iterator[Statement]:
    scene = scene_of(run, model)
    if scene is None or scene.is_known:
        return
    yield Statement(
        Question.SCENE,
        f"{model} does not seem to know this scene: {scene.reason}. It is unsure throughout, so a small change may "
        "flip its label. Use a model that was trained on such pictures.",
        Level.MEASURED,
        "scene_unknown",
        model,
        value=scene.probability,
        n=scene.n,
        is_open=True,
    )


def _with_labels(stability: pd.DataFrame, model: str, task: str) -> Iterator[Statement]:
    for metric, words, row in figures_with_labels(stability, model, task):
        yield Statement(
            Question.LABELS,
            f"{capital(words)}: {in_words(metric, row)} (n = {int(row['n'])}).",
            Level.MEASURED,
            "figure_with_labels",
            model,
            **figures_of(row),
        )


def flickers(known: pd.DataFrame) -> tuple[dict[str, int], int]:
    """Count how known objects go wrong and come right again, by TIDE's kind of the wrong side.

    Parameters
    ----------
    known
        Rows of ``known_boxes`` of one model.

    Returns
    -------
    dict
        Kind ("missed", "location", "class") -> pairs of neighbouring known frames of one object of which one
        is right and the other wrong in that way.
    int
        Pairs looked at.
    """
    along = known[known["object"] != ""].sort_values(["item", "object", "frame"], kind="stable")
    same = along[["item", "object"]].eq(along[["item", "object"]].shift()).all(axis=1).to_numpy()
    frame = along["frame"].to_numpy(np.int64)
    step = np.diff(frame, prepend=frame[:1])
    near = same & (step == (np.median(step[same]) if same.any() else 1))
    now, before = along["error"].to_numpy(), along["error"].shift().to_numpy()
    turned = near & ((now == "same") != (before == "same"))
    wrong = np.where(now[turned] == "same", before[turned], now[turned])
    return {name: int((wrong == name).sum()) for name in FLICKERS}, int(near.sum())


def _flickers(run: RunTables, model: str) -> Iterator[Statement]:
    """How known objects go wrong between neighbouring frames; silent where none does."""
    known = run.rows("known_boxes")
    turns, pairs = flickers(known[known["model"] == model])
    if not (count := sum(turns.values())):
        return
    parts = [
        f"{FLICKERS[kind]} {percent(turns[kind] / count)}"
        for kind in sorted(turns, key=lambda kind: -turns[kind])
        if turns[kind]
    ]
    yield Statement(
        Question.LABELS,
        f"Known objects go wrong or come right again in {count} of {plural(pairs, 'pair')} of frames: "
        f"{', '.join(parts)} of these.",
        Level.MEASURED,
        "flicker_kinds",
        model,
        value=count / pairs,
        n=pairs,
    )


def _rates(run: RunTables, stability: pd.DataFrame, model: str) -> Iterator[Statement]:
    task = run.tasks[model]
    for place, name in enumerate(task.answered):
        metric, row = find_metric(name, task.name), overall(stability, model, name)
        if metric is None or metric.wording is None:
            continue
        if name == "flip_rate" and _num_classes(run, model) == 1:
            continue  # an only class cannot change
        of, n = (metric.wording.of, metric.wording.many), int(row["n"])
        if n and known(row["value"]) and n >= FEWEST_ROWS:
            most = tuple(with_unknown(stability, model, name, row[of]) for of in ("value", "high"))
            often = ""
            if name == "flip_rate" and place == 0 and row["value"]:
                a_second = flips_a_second(run, stability, model)
                often = times_a_second(a_second["value"]) if a_second else ""
            scope = _scope(run, stability, model, name)
            yield _rate(metric, row, model, scope, most, leading=place == 0, often=often)
        elif place == 0:
            text = f"Not measured: {_nothing(run, task.nothing)}."
            if n:
                why = f"{plural(n, *of)}, {FEWEST_ROWS} needed. Use a longer clip"
                text = f"Not enough data on the {metric.wording.called}: {why}."
            yield Statement.missing(
                Question.STABLE, text, "rate_few" if n else "rate_nothing", model, n=n
            )


def _nothing(run: RunTables, nothing: str) -> str:
    why = not_compared(run)
    return f"{nothing} ({why})" if why else nothing


def _scope(run: RunTables, stability: pd.DataFrame, model: str, metric: str) -> str:
    """In how many clips a metric was evaluated, of how many there are, and on how many the model failed."""
    rows = stability[
        (stability["model"] == model) & (stability["metric"] == metric) & (stability["n"] > 0)
    ]
    every, some = len(run.items), rows.loc[rows["item"] != "", "item"].nunique()
    if not 0 < some < every:
        return plural(every, "clip") if every > 1 else "one clip"
    failed = len(
        {entry["path"] for entry in run.record.failed if entry["path"].endswith(f" with {model}")}
    )
    return f"{some} of {plural(every, 'clip')}" + (
        f"; the model failed on {failed}" if failed else ""
    )


def _rate(
    metric: Metric,
    row: Mapping[str, Any],
    model: str,
    scope: str,
    most: tuple[float, ...],
    *,
    leading: bool,
    often: str = "",
) -> Statement:
    """One rate, the leading one with its verdict; ``most``: rate and upper end if all that is unknown counts."""
    assert metric.wording is not None
    n = int(row["n"])
    of = plural(n, metric.wording.of, metric.wording.many)
    if row["value"]:
        rate = percent_with_interval(row["value"], row["low"], row["high"])
        if not known(row["low"]):
            rate = f"{percent(row['value'])} (too little footage for an interval)"
        when = f" {often}:" if often else ""
        text = f"{metric.wording.happens}{when} in {rate} of {of}"
    else:
        text = f"{metric.wording.none_seen or metric.wording.never} in {of}"
    text = f"{text}, in {scope}."
    if not row["value"] and known(row["high"]):
        text += f" The true rate may be as high as {percent(row['high'])}."
    if most[0] > row["value"]:
        text += f" Frames of unknown state could raise this to {percent(most[0])}."
    verdict = judged(row["value"], row["low"], most[1], n, metric) if leading else None
    undecided = verdict is not None and verdict.kind == "unknown"
    if row["value"] and known(row["high"]):
        if row["high"] >= FAR_ABOVE * row["value"]:
            more = "" if undecided else "; more footage would narrow this"
            text += f" The true rate may be as high as {percent(row['high'])}{more}."
        elif 0 < row["clusters"] < FEWEST_CLUSTERS and not undecided:
            text += f" The interval is rough, as it comes from {separate(row)}."
    if undecided:
        text += " More footage is needed to call it steady or unstable."
    elif verdict is not None:
        text = f"{verdict.word}: {text}"
    return Statement(
        Question.STABLE,
        capital(text),
        Level.MEASURED,
        "rate",
        model,
        **figures_of(row),
        is_open=undecided,
    )


def _worst(run: RunTables, model: str) -> Iterator[Statement]:
    first = next((moment for moment in run.moments if moment["model"] == model), None)
    if first is None:
        return
    item = cut(str(first["item"]), 40)
    if "what" in first:
        when, score = clock(float(first["time_b_s"])), number(first["score_before"])
        text = f"{item} at {when}: {first['what']}, after a score of {score}."
    else:
        text = _worst_pair(run, model, first, f"{item} at {clock(float(first['time_a_s']))}")
    yield Statement(Question.WORST, text, Level.MEASURED, "worst_moment", model, n=1)


def _worst_pair(run: RunTables, model: str, first: Mapping[str, Any], where: str) -> str:
    if model in run.others:
        response, moved = run.others[model].response, percent(float(first["total_variation"]))
        return f"{where}: the answer moves by {moved} {response.of}."
    if not first["flip"]:
        stays = f"{where}: the label stays {cut(str(first['label_a']))}"
        # None of recorded answers that name the leading class alone
        moved = first["total_variation"]
        return (
            f"{stays}."
            if moved is None
            else f"{stays}, {percent(float(moved))} of the probability moves."
        )
    text = f"{where}: {cut(str(first['label_a']))} becomes {cut(str(first['label_b']))}."
    flips = flips_of(run)
    flips = flips[flips["model"] == model]
    both = [frozenset(names) for names in zip(flips["before"], flips["after"], strict=True)]
    counted = pd.Series(both, dtype=object).value_counts()
    if counted.empty or counted.iloc[0] < 2:
        return text
    one, other = (cut(str(name)) for name in sorted(counted.index[0]))
    return f"{text} {capital(one)} and {other} swap most often, {plural(int(counted.iloc[0]), 'time')}."
