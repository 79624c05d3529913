"""How much of the natural instability all perturbations explain together, beyond the confounder alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize

from vidrobust.errors import InputError
from vidrobust.stages.correlate.units import CorrelationUnits, with_means
from vidrobust.stages.correlate.verdicts import too_few
from vidrobust.statistics.associations import curve_knots, line_basis, ranks
from vidrobust.statistics.levels import FEWEST_LEFT_OUT
from vidrobust.statistics.standard_errors import jackknife_error, t_half_width
from vidrobust.text.numbers import percent, percent_with_interval

# Ridge penalties per unit, strongest first; the first leaves every perturbation out.
PENALTIES = (np.inf, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03)
FOLDS = 30  # groups of clusters that are left out in turn, at most
# A gain is called nothing where its interval stays below this share of what the confounder leaves over.
SMALL = 0.2
FEWEST = 8  # units below which nothing is fitted

BEYOND, NOTHING, CANNOT_TELL = "beyond", "nothing beyond", "cannot tell"


@dataclass(frozen=True, kw_only=True)
class Together:
    """Shares of the variance of the ranks of instability, on clusters that were left out.

    ``confounder`` is explained by it alone, ``gain`` by the perturbations beyond it, by ``weights``.
    """

    verdict: str
    sentence: str
    confounder: float = np.nan
    gain: float = np.nan
    low: float = np.nan
    high: float = np.nan
    weights: Mapping[str, float] = field(default_factory=dict)
    n: int = 0
    clusters: int = 0


def explain_together(units: CorrelationUnits, *, seed: int = 0) -> Together:
    """Fit a non-negative regression of instability on all sensitivities and the confounder, on left-out data.

    Weights are never negative, as a perturbation that makes footage look more stable explains nothing. The
    form of the confounder and the ridge penalty are chosen inside the training clusters.
    """
    columns, values = with_means(units)
    main = columns["main"].to_numpy()
    names = list(columns["perturbation"][main])
    natural = units.instability[units.primary_stability].to_numpy(np.float64)
    known = ~(np.isnan(values[:, main]).any(axis=1) | np.isnan(natural))
    if not known.any():
        raise InputError(
            "together: no unit has a sensitivity under every perturbation and an instability"
        )
    x, y = _standard(ranks(values[known][:, main])), _standard(ranks(natural[known, None]))[:, 0]
    z = units.confounders.to_numpy(np.float64)[known]
    codes = np.unique(units.cluster[known], return_inverse=True)[1]
    count = int(codes.max()) + 1
    few = too_few(units, len(y), count)
    why = few[1] if few else units.uncontrolled
    if count < FEWEST_LEFT_OUT or len(y) < FEWEST:
        return _finish(np.full(4, np.nan), {}, len(y), count, CANNOT_TELL, why, units, len(names))
    rz = ranks(z)
    bases = [line_basis(rz[:, :0]), line_basis(rz), line_basis(rz, curve_knots(len(y)))]
    figures = _gain(*_left_out(x, y, bases, codes, np.random.default_rng(seed)), codes)
    weights = _weights(names, x, y, bases, codes, np.random.default_rng(seed))
    verdict = CANNOT_TELL
    if not why:
        confounder, _, low, high = figures
        # there is no interval where no perturbation was ever given a weight
        nothing = np.isnan(high) or high < SMALL * (1 - confounder)
        verdict = BEYOND if low > 0 else NOTHING if nothing else CANNOT_TELL
    return _finish(figures, weights, len(y), count, verdict, why, units, len(names))


def _left_out(
    x: np.ndarray,
    y: np.ndarray,
    bases: list[np.ndarray],
    codes: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Squared errors (n,) of the mean, of the confounder alone and of everything, each unit left out once."""
    total, alone, full = np.empty(len(y)), np.empty(len(y)), np.empty(len(y))
    for train, test in _folds(codes, rng):
        basis, penalty = _choose(x, y, bases, codes, train, rng)
        weights, line, plain = _fit(x[train], y[train], basis[train], penalty)
        total[test] = (y[test] - y[train].mean()) ** 2
        alone[test] = (y[test] - basis[test] @ plain) ** 2
        full[test] = (y[test] - basis[test] @ line - x[test] @ weights) ** 2
    return total, alone, full


def _fit(
    x: np.ndarray, y: np.ndarray, basis: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights >= 0 of the perturbations, the confounder's coefficients beside them, and those without them."""
    inverse = np.linalg.pinv(basis)
    plain = inverse @ y
    if not np.isfinite(penalty):
        return np.zeros(x.shape[1]), plain, plain
    left_x, left_y = x - basis @ (inverse @ x), y - basis @ plain
    ridge = np.sqrt(penalty * len(y)) * np.eye(x.shape[1])
    weights, _ = optimize.nnls(
        np.vstack([left_x, ridge]), np.concatenate([left_y, np.zeros(x.shape[1])])
    )
    return weights, inverse @ (y - x @ weights), plain


def _choose(
    x: np.ndarray,
    y: np.ndarray,
    bases: list[np.ndarray],
    codes: np.ndarray,
    rows: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, float]:
    folds = [(rows[train], rows[test]) for train, test in _folds(codes[rows], rng)]

    def error(basis: np.ndarray, penalty: float) -> float:
        total = 0.0
        for train, test in folds:
            weights, line, _ = _fit(x[train], y[train], basis[train], penalty)
            total += float(np.sum((y[test] - basis[test] @ line - x[test] @ weights) ** 2))
        return total

    basis = bases[int(np.argmin([error(basis, np.inf) for basis in bases]))]
    return basis, PENALTIES[int(np.argmin([error(basis, penalty) for penalty in PENALTIES]))]


def _folds(codes: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    clusters = rng.permutation(np.unique(codes))
    for part in np.array_split(clusters, min(FOLDS, len(clusters))):
        out = np.isin(codes, part)
        yield np.flatnonzero(~out), np.flatnonzero(out)


def _gain(total: np.ndarray, alone: np.ndarray, full: np.ndarray, codes: np.ndarray) -> np.ndarray:
    t, a, f = (np.bincount(codes, weights=error) for error in (total, alone, full))
    count = len(t)
    gain = (a.sum() - f.sum()) / t.sum()
    without = ((a.sum() - a) - (f.sum() - f)) / (t.sum() - t)
    error = float(jackknife_error(without))
    half = float(t_half_width(error, count - 1)) if error > 0 else np.nan
    return np.array([1 - a.sum() / t.sum(), gain, gain - half, gain + half])


def _weights(
    names: list[str],
    x: np.ndarray,
    y: np.ndarray,
    bases: list[np.ndarray],
    codes: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, float]:
    weights = _fit(x, y, *_choose(x, y, bases, codes, np.arange(len(y)), rng))[0]
    share = weights / weights.sum() if weights.sum() > 0 else weights
    order = np.argsort(-share, kind="stable")
    return {names[k]: float(share[k]) for k in order if share[k] > 0}


def _finish(
    figures: np.ndarray,
    weights: dict[str, float],
    n: int,
    clusters: int,
    verdict: str,
    why: str,
    units: CorrelationUnits,
    perturbations: int,
) -> Together:
    confounder, gain, low, high = (float(f) for f in figures)
    given = " and ".join(units.confounders) or "nothing"
    size = units.in_words(n) + (f" in {units.clusters_in_words(clusters)}" if clusters != n else "")
    share = percent_with_interval(gain, low, high)
    if np.isnan(low):
        share = f"{percent(gain)} (no weight was worth its error)"
    beside = (
        f"of the variance of natural instability on left-out {units.clusters_are} beyond {given}"
    )
    if verdict == BEYOND:
        said = f"Together the {perturbations} perturbations explain {share} {beside}"
    elif verdict == NOTHING:
        said = f"Together the {perturbations} perturbations explain nothing worth naming: {share} {beside}"
    elif np.isnan(gain):
        said = f"Whether the perturbations together explain anything cannot be determined: {why}"
    else:
        reason = why or "the interval holds both nothing and much"
        said = f"Whether the perturbations together explain anything is undetermined ({reason}): {share} {beside}"
    alone = "" if np.isnan(confounder) else f"; {given} alone: {percent(confounder)}"
    return Together(
        confounder=confounder,
        gain=gain,
        low=low,
        high=high,
        weights=weights,
        n=n,
        clusters=clusters,
        verdict=verdict,
        sentence=f"{said}{alone} ({size}).",
    )


def _standard(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    return np.divide(centred, spread, out=np.zeros(centred.shape), where=spread > 0)
