"""Which perturbation moves the output the way it really moved? The second witness within one model, no replay.

Frame t is perturbed a little, both ways and at more than one strength, and each change of the centred logits is
compared by its cosine with the real change from t to t+1. Nothing is measured in the pixels, so this witness is
independent of the registration that the replay rests on.

    z(t+1) - z(t)   against   z(brighter t) - z(t), z(darker t) - z(t), z(t shifted left) - z(t) ...

Per pair and cause the best probe counts. Any cause has some best probe, so what it says is how far it stands above
the others. Random perturbations (noise, JPEG) have no direction; of them the spread is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats

from vidrobust import tables
from vidrobust.account.causes import CHUNK, SMALLEST_CHANGE, centred_logits, cosine, independent_units
from vidrobust.differences.classes import total_variation
from vidrobust.frames import FrameBatch
from vidrobust.perturb.catalogue import find
from vidrobust.predictions import Classifier
from vidrobust.statistics.intervals import clustered_mean


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A perturbation of the catalogue, as it is tried on frame t.

    cause      what it would be called: light, colour, hue, shift, rotation, zoom, blur; "" for a random one
    direction  the named direction of a signed perturbation; "" for a random one
    strengths  each tried both ways, in the unit of the perturbation
    relative   strengths are shares of the frame's shorter side, and become pixels
    draws      of a random one
    """

    perturbation: str
    cause: str
    direction: str
    strengths: tuple[float, ...]
    relative: bool = False
    draws: int = 1

    def strengths_for(self, height: int, width: int) -> tuple[float, ...]:
        """In the unit of the perturbation, for a frame of this size."""
        scale = min(height, width) if self.relative else 1
        return tuple(float(f"{s * scale:.3g}") for s in self.strengths)


PROBES: tuple[Probe, ...] = (
    Probe(perturbation="brightness", cause="light", direction="brightness", strengths=(0.05, 0.15)),
    Probe(perturbation="contrast", cause="light", direction="contrast", strengths=(0.1,)),
    Probe(perturbation="gamma", cause="light", direction="gamma", strengths=(0.1,)),
    Probe(perturbation="saturation", cause="colour", direction="saturation", strengths=(0.15, 0.4)),
    Probe(perturbation="white_balance", cause="colour", direction="white_balance", strengths=(0.1,)),
    Probe(perturbation="hue", cause="hue", direction="hue", strengths=(5.0, 15.0)),
    Probe(
        perturbation="translation",
        cause="shift",
        direction="translation_x",
        strengths=(0.004, 0.012),
        relative=True,
    ),
    Probe(
        perturbation="translation",
        cause="shift",
        direction="translation_y",
        strengths=(0.004, 0.012),
        relative=True,
    ),
    Probe(perturbation="rotation", cause="rotation", direction="rotation", strengths=(0.5, 2.0)),
    Probe(perturbation="scale", cause="zoom", direction="scale", strengths=(0.01, 0.04)),
    Probe(
        perturbation="gaussian_blur",
        cause="blur",
        direction="gaussian_blur",
        strengths=(0.0025, 0.005),
        relative=True,
    ),
    Probe(perturbation="gaussian_noise", cause="", direction="", strengths=(4.0,), draws=2),
    Probe(perturbation="jpeg", cause="", direction="", strengths=(50.0,)),
)
"""What is tried by default: 19 strengths both ways, two draws of noise and one JPEG."""
NAMED_COSINE = 0.5
"""Smallest mean cosine with which a cause is named: noise and JPEG reach 0.4 with blur, which they resemble."""
USUAL_SPREAD = 0.15
"""Standard deviation from pair to pair of the lead of the best cause over the next, as seen on planted footage."""
USUAL_FREEDOM = 4
"""How many observations that is worth: it makes clips of two or three pairs usable, and fades with more."""
NONE = "none"


def study_pairs(
    item: str,
    frames_a: FrameBatch,
    frames_b: FrameBatch,
    models: Sequence[Classifier],
    *,
    seed: int = 0,
    probes: Sequence[Probe] = PROBES,
) -> pd.DataFrame:
    """Cosine of the real change with the change under each probe: the ``directions`` table.

    frames_a, frames_b  row i of both is a pair of one item
    seed                of the random perturbations; a pair's depend on the seed and its frames alone

    sign is 1 or -1, and 0 for a random draw. Behind the contract's columns: cause, direction, spread (length of
    the probe's change over that of the real one) and total_variation (of the real change). Where the output did
    not change, cosine and spread are NaN. One pair is held at a time, a few probes of it at once.
    """
    if len(frames_a) != len(frames_b):
        raise ValueError(
            f"study_pairs: expected pairs, got {len(frames_a)} first and {len(frames_b)} second frames"
        )
    rows: list[dict[str, Any]] = []
    for number in range(len(frames_a)):
        a, b = frames_a.pixels[number][None], frames_b.pixels[number][None]
        first, second = int(frames_a.index[number]), int(frames_b.index[number])
        ids = {"item": item, "frame_a": first, "frame_b": second}
        draw = int(np.random.SeedSequence([seed, first, second]).generate_state(1)[0])
        trials = _trials(probes, a.shape[2], a.shape[3])
        outputs = _outputs(a, b, trials, models, draw)
        for model, p in zip(models, outputs, strict=True):
            rows += [{**ids, "model": model.name, **row} for row in _rows(trials, p)]
    return tables.check("directions", pd.DataFrame(rows) if rows else tables.empty("directions"))


def summarise(table: pd.DataFrame, *, by_item: bool = False) -> pd.DataFrame:
    """How each perturbation, and each cause, points along the real change.

    table    of ``study_pairs``, any number of items and models
    by_item  one set of rows per item; otherwise one over all items, with item ""

    One row per perturbation, and one per cause with perturbation "". Per pair the best probe of the row counts.
    value, low, high  mean cosine less that of the other causes' best probes on the same pair (their mean), with a
                      95 % interval over clusters: what a perturbation of no matter which kind would show is gone
    cosine            the mean itself
    margin, margin_low  of a cause: its mean cosine less that of the next best cause, and the value it exceeds with
                      95 % confidence, by a moderated t (Smyth 2004, section 4): the pairs' variance drawn
                      towards 0.15 squared as by four observations
    spread            median length of the change it causes, over that of the real change
    n, clusters       pairs, and independent units among them
    named             the cause that points best if margin_low > 0 and cosine >= 0.5, else "none"; the same in all
                      rows of a model and item
    Random perturbations have a spread and no value.
    """
    rows: list[dict[str, Any]] = []
    usable = table.dropna(subset=["cosine"])
    for key, group in usable.groupby(["model", "item"] if by_item else ["model"], sort=False):
        ids = {"model": str(key[0]), "item": str(key[1]) if by_item else ""}
        rows += [{**ids, **row} for row in _summary(group)]
    return pd.DataFrame(rows, columns=_SUMMARY)


_SUMMARY = [
    *("model", "item", "perturbation", "cause", "value", "low", "high", "cosine", "margin", "margin_low"),
    *("spread", "n", "clusters", "named"),
]


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """One perturbed picture: a probe at one strength and sign; for a random one the number of its draw."""

    probe: Probe
    strength: float
    sign: int
    draw: int = 0

    def picture(self, pixels: torch.Tensor, seed: int) -> torch.Tensor:
        """(1, 3, H, W) perturbed."""
        perturbation = find(self.probe.perturbation)
        if self.sign:
            return perturbation.apply_signed(pixels, self.sign * self.strength, self.probe.direction)
        generator = torch.Generator(device=pixels.device).manual_seed(seed + self.draw)
        return perturbation.apply(pixels, self.strength, generator)


def _trials(probes: Sequence[Probe], height: int, width: int) -> list[_Trial]:
    trials = []
    for probe in probes:
        for strength in probe.strengths_for(height, width):
            if probe.cause:
                trials += [_Trial(probe=probe, strength=strength, sign=sign) for sign in (1, -1)]
            else:
                trials += [_Trial(probe=probe, strength=strength, sign=0, draw=d) for d in range(probe.draws)]
    return trials


def _outputs(
    a: torch.Tensor, b: torch.Tensor, trials: Sequence[_Trial], models: Sequence[Classifier], seed: int
) -> list[np.ndarray]:
    """Per model (2 + trials, K) probabilities of frame t, frame t+1 and every trial; the pictures made once."""
    parts: list[list[np.ndarray]] = [[] for _ in models]
    for start in range(-2, len(trials), CHUNK):
        chunk = [
            a if n == -2 else b if n == -1 else trials[n].picture(a, seed)
            for n in range(start, min(start + CHUNK, len(trials)))
        ]
        stacked = torch.cat(chunk)
        for part, model in zip(parts, models, strict=True):
            part.append(model(stacked).probabilities)
    return [np.concatenate(part).astype(np.float64) for part in parts]


def _rows(trials: Sequence[_Trial], p: np.ndarray) -> list[dict[str, Any]]:
    change = float(total_variation(p[:1], p[1:2])[0])
    z = centred_logits(p)
    real, moved = z[1] - z[0], z[2:] - z[0]
    told = change >= SMALLEST_CHANGE
    return [
        {
            "perturbation": trial.probe.perturbation,
            "strength": trial.strength,
            "sign": trial.sign,
            "cosine": cosine(row, real) if told else float("nan"),
            "cause": trial.probe.cause,
            "direction": trial.probe.direction,
            "spread": float(np.linalg.norm(row) / np.linalg.norm(real)) if told else float("nan"),
            "total_variation": change,
        }
        for trial, row in zip(trials, moved, strict=True)
    ]


def _summary(group: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of one model and item."""
    pair = ["item", "frame_a", "frame_b"]
    directed = group[group["sign"] != 0]
    spreads = group.groupby("perturbation", sort=False)["spread"].median()
    random = [
        {**_nothing(), "perturbation": name, "spread": float(spreads[name])}
        for name in dict.fromkeys(group.loc[group["sign"] == 0, "perturbation"])
    ]
    if not len(directed):
        return random
    best = directed.groupby([*pair, "cause"])["cosine"].max().unstack("cause")
    of_cause = dict(zip(directed["perturbation"], directed["cause"], strict=True))
    clusters = independent_units(best.reset_index())
    ranked = best.mean().sort_values(ascending=False)
    rows = []
    for perturbation, cause in of_cause.items():
        own = directed[directed["perturbation"] == perturbation].groupby(pair)["cosine"].max()
        rows.append(
            {
                **_against(own.loc[best.index].to_numpy(), best.drop(columns=cause), clusters),
                "perturbation": perturbation,
                "cause": cause,
                "spread": float(spreads[perturbation]),
            }
        )
    for cause in ranked.index:
        others = best.drop(columns=cause)
        row = {
            **_against(best[cause].to_numpy(), others, clusters),
            "cause": cause,
            "spread": float(directed.loc[directed["cause"] == cause, "spread"].median()),
        }
        if len(ranked) > 1:
            second = others[others.mean().idxmax()]
            margin, low = _lead((best[cause] - second).to_numpy(), clusters)
            row |= {"margin": margin, "margin_low": low}
        rows.append(row)
    first = next(row for row in rows if not row["perturbation"] and row["cause"] == ranked.index[0])
    named = first["cause"] if first["margin_low"] > 0 and first["cosine"] >= NAMED_COSINE else NONE
    return [{**row, "named": named} for row in [*rows, *random]]


def _nothing() -> dict[str, Any]:
    nan = float("nan")
    row: dict[str, Any] = dict.fromkeys(("value", "low", "high", "cosine", "margin", "margin_low"), nan)
    return row | {"perturbation": "", "cause": "", "spread": nan, "n": 0, "clusters": 0, "named": NONE}


def _lead(differences: np.ndarray, clusters: np.ndarray) -> tuple[float, float]:
    """Mean of paired differences, and what it exceeds with 95 % confidence: a moderated t over cluster means."""
    _, code = np.unique(clusters, return_inverse=True)
    means = np.bincount(code, weights=differences) / np.bincount(code)
    count, mean = len(means), float(differences.mean())
    freedom = USUAL_FREEDOM + count - 1
    squares = float(np.square(means - means.mean()).sum())
    variance = (USUAL_FREEDOM * USUAL_SPREAD**2 + squares) / freedom
    return mean, mean - float(stats.t.ppf(0.95, freedom)) * float(np.sqrt(variance / count))


def _against(own: np.ndarray, others: pd.DataFrame, clusters: np.ndarray) -> dict[str, Any]:
    """Own best cosine per pair less the mean best cosine of the other causes."""
    control = others.mean(axis=1).to_numpy() if others.shape[1] else np.zeros(len(own))
    found = clustered_mean(own - control, clusters, bounds=(-2, 2))
    return _nothing() | {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "cosine": float(own.mean()),
        "n": found.n,
        "clusters": found.clusters,
    }
