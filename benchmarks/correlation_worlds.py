"""How often the correlation study is right, in worlds where the truth is known.

    python benchmarks/correlation_worlds.py [--runs 500] [--seed 0] [--world NAME ...] [--intervals]

Each world is drawn again and again and judged as a real study would be. Twelve perturbations come in four
families; in worlds with a true proxy only the first family is tied to the footage. Reported per world: how often
a perturbation that is tied, and one that is not, is called a proxy, no evidence or cannot tell, and how often the
95 % interval of the partial Spearman coefficient of the first family covers its true value, which is the
coefficient on a very large draw from the same world.
With --intervals the coverage of other intervals is printed instead: the cluster bootstrap, and Fisher's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import harness
import numpy as np
import pandas as pd
from harness import say
from scipy import special

from vidrobust.stages.correlate.study import correlate
from vidrobust.stages.correlate.units import CorrelationUnits
from vidrobust.statistics.associations import partial_spearman
from vidrobust.statistics.clusters import SHORTEST_S, independent_clusters
from vidrobust.statistics.permutations import autocorrelation_time
from vidrobust.statistics.standard_errors import cluster_jackknife, fisher_z

FAMILIES, PER_FAMILY = 4, 3
PERTURBATIONS = FAMILIES * PER_FAMILY
FAMILY = np.repeat(np.arange(FAMILIES), PER_FAMILY)
ALIKE = 0.5
"""Share of the variance beside everything else that the perturbations of a family have in common."""
LOADS = 0.5 + np.tile([0.0, 0.5, 1.0], FAMILIES)
"""How much each perturbation shows of fragility: unequally, so that one shows it better than the others' mean."""
NO, YES, CANNOT = "no evidence", "proxy", "cannot tell"
LARGE = 40_000
"""Units from which the true coefficient is taken, several times."""


@dataclass(frozen=True)
class Draw:
    """One draw of a world: x (n, p) sensitivities, y (n,) instability, z (n, k) confounders, cluster (n,).

    reliability (k,) of the confounders, where they are measured with error; foreign (n,) the instability on other
    data, or None.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    cluster: np.ndarray
    reliability: tuple[float, ...] = ()
    foreign: np.ndarray | None = None


def sides(
    noise: np.ndarray, common: np.ndarray, own: float, fragile: np.ndarray, fragility: float
) -> tuple[np.ndarray, np.ndarray]:
    """What sensitivities (n, p) and instability (n,) are beside the confounder.

    noise (n, p + families + 1) standard normal; common (n,) what the first family shares with the footage, so that
    their correlation is ``own``; fragile (n,) what every perturbation and every footage share.
    """
    p = PERTURBATIONS
    alone, kind, last = noise[:, :p], noise[:, p : p + FAMILIES], noise[:, -1]
    kind = np.column_stack([np.where(own > 0, common, kind[:, 0]), kind[:, 1:]])
    share = np.where(FAMILY == 0, max(own, ALIKE if own == 0 else own), ALIKE)
    x = np.sqrt(share) * kind[:, FAMILY] + np.sqrt(1 - share) * alone
    y = np.sqrt(own) * common + np.sqrt(1 - own) * last
    return x + fragility * LOADS * fragile[:, None], y + fragility * fragile


@dataclass(frozen=True)
class World:
    """A way in which studies come out.

    draw      (generator, scale) -> a draw with ``scale`` times the usual number of clusters
    expected  what a judge with enough data would say
    """

    draw: Callable[[np.random.Generator, int], Draw]
    expected: str
    across: str
    about: str


def models(
    expected: str,
    about: str,
    count: int = 55,
    own: float = 0.0,
    skill: float = 2.0,
    shape: str = "",
    families: int = 0,
    tails: bool = False,
    images: int = 0,
    stated: bool = True,
    fragility: float = 0.0,
    foreign: bool = False,
) -> World:
    """Models that differ in skill; ``own`` is the correlation that the first family shares with the footage.

    fragility  what all perturbations share with the footage beyond skill; foreign  other data, as fragile
    shape   how skill acts: "" evenly, "bent" on weak models alone, "step" mostly in the middle
    images  clean accuracy is counted on so many images; 0: known exactly
    stated  whether the study is given that error
    tails   errors of Student's t with 1.5 degrees of freedom
    """

    def draw(rng: np.random.Generator, scale: int) -> Draw:
        family = np.arange(count * scale)
        if families:
            family = np.repeat(np.arange(families * scale), _sizes(count, families, scale))
        common = _clustered(rng, family, 0.6 if families else 0.0, 1)[:, 0]
        ability = _clustered(rng, family, 0.4 if families else 0.0, 1)[:, 0]
        noise = _clustered(rng, family, 0.6 if families else 0.0, PERTURBATIONS + FAMILIES + 1)
        fragile = rng.normal(size=len(family))
        if tails:
            noise *= np.sqrt(1 / rng.gamma(0.75, 1 / 0.75, size=noise.shape))
        x, y = sides(noise, common, own, fragile, fragility)
        pull = {
            "": -ability,
            "bent": np.maximum(0, 0.3 - ability),
            "step": -1.5 * np.tanh(4 * ability),
        }[shape]
        accuracy = special.expit(1 + 0.35 * ability)
        spread = accuracy.var(ddof=1)
        if images:
            accuracy = rng.binomial(images, accuracy) / images
        error = float(np.mean(accuracy * (1 - accuracy))) / images if images else 0.0
        reliability = (1 - error / (spread + error),) if images and stated else ()
        other = (
            skill * pull + fragility * fragile + rng.normal(size=len(family)) if foreign else None
        )
        return Draw(
            skill * pull[:, None] + x,
            skill * pull + y,
            accuracy[:, None],
            family,
            reliability,
            other,
        )

    return World(draw, expected, "models", about)


def frames(
    expected: str,
    about: str,
    clips: int = 10,
    per_clip: int = 6,
    own: float = 0.0,
    slow: float = 0.0,
    clip_share: float = 0.3,
    between: float = 0.0,
    kind: str = "",
    fragility: float = 0.0,
) -> World:
    """Frames of clips: margin and pixel change move both sides; ``own`` as above.

    slow        correlation of neighbouring frames; clip_share the share of variance between clips
    between     a correlation that lies between the clips alone (what a clip shows, say)
    kind        "" continuous; "flips" rare events on both sides; "ceiling" sensitivity stuck at its top
    """

    def draw(rng: np.random.Generator, scale: int) -> Draw:
        cluster = np.repeat(np.arange(clips * scale), per_clip)

        def field(columns: int) -> np.ndarray:
            return _slow(rng, clips * scale, per_clip, columns, slow, clip_share)

        margin, change, common, fragile = field(1), field(1), field(1), field(1)
        shown = np.repeat(rng.normal(size=clips * scale), per_clip)
        noise = field(PERTURBATIONS + FAMILIES + 1)
        x, y = sides(noise, common[:, 0], own, fragile[:, 0], fragility)
        y = -margin[:, 0] + 0.7 * change[:, 0] + y + between * shown
        x = -margin + x + between * np.where(FAMILY == 0, 1.0, 0.0) * shown[:, None]
        if kind == "flips":
            y = np.minimum(np.maximum(0, np.round(y + 0.3)), 2)
            x = np.minimum(np.maximum(0, np.round(x + 0.3)), 3)
        if kind == "ceiling":
            x = np.minimum(x, -1.9)
        return Draw(x, y, np.hstack([margin, change]), cluster)

    return World(draw, expected, "frames", about)


WORLDS = {
    "true proxy, models": models(YES, "55 models share skill and a weakness", own=0.6),
    "true proxy, 30 models": models(YES, "30 of them", 30, own=0.6),
    "true proxy, 20 models": models(YES, "20 of them", 20, own=0.6),
    "fragility": models(NO, "55 share skill and fragility under everything", fragility=1.0),
    "fragility, 200 models": models(NO, "200 of them", 200, fragility=1.0),
    "fragility, other data": models(
        NO, "55, and other data is as fragile", fragility=1.0, foreign=True
    ),
    "fragility, true proxy": models(
        YES, "55 share fragility and, with one family, a weakness", own=0.6, fragility=0.7
    ),
    "other data, true proxy": models(
        YES, "the same, beside other data as fragile", own=0.6, fragility=0.7, foreign=True
    ),
    "skill only": models(NO, "55 models share skill"),
    "skill only, bent": models(NO, "55, skill matters for weak models alone", shape="bent"),
    "skill only, step": models(NO, "200, skill matters in the middle", 200, shape="step"),
    "skill only, measured": models(NO, "55, accuracy counted on 500 images", images=500),
    "skill only, error unstated": models(
        NO, "the same, and nobody says so: a known limit", images=500, stated=False
    ),
    "skill only, 12 models": models(CANNOT, "as many as Gu et al. had", 12),
    "skill only, families": models(NO, "55 in 14 families of 1 to 16", families=14),
    "nothing": models(NO, "55 models share nothing", skill=0.0),
    "outliers": models(NO, "55, errors of infinite variance", tails=True),
    "outliers, true proxy": models(YES, "the same, and a weakness", tails=True, own=0.8),
    "true proxy, frames": frames(YES, "10 clips of 6 frames", own=0.6),
    "margin only": frames(NO, "10 clips of 6 frames share the margin"),
    "fragile frames": frames(NO, "10 clips of 6, some frames fragile under all", fragility=1.0),
    "fragile, true proxy": frames(
        YES, "10 clips of 24, fragile, and one family more", 10, 24, own=0.6, fragility=0.7
    ),
    "default, one clip": frames(
        NO, "24 unlike frames of one clip, stretches", 1, 24, slow=0.0, clip_share=0.0
    ),
    "default, one clip, true proxy": frames(
        YES, "the same, and more", 1, 24, own=0.6, slow=0.0, clip_share=0.0
    ),
    "default, 12 clips, true proxy": frames(
        YES, "12 clips of 24 frames", 12, 24, own=0.6, slow=0.3
    ),
    "dependent frames": frames(NO, "10 clips of 24 slow frames", 10, 24, slow=0.9),
    "dependent, true proxy": frames(YES, "the same, and more", 10, 24, own=0.6, slow=0.9),
    "between clips only": frames(
        NO, "clips differ, frames not", 12, 12, between=0.7, clip_share=0.0
    ),
    "one clip": frames(NO, "100 frames, stretches", 1, 100, slow=0.5, clip_share=0.0),
    "one slow clip": frames(NO, "250 frames, stretches", 1, 250, slow=0.9, clip_share=0.0),
    "one clip, true proxy": frames(YES, "100 frames", 1, 100, own=0.6, slow=0.5, clip_share=0.0),
    "ties": frames(NO, "12 clips of 12, rare flips", 12, 12, kind="flips"),
    "ties, true proxy": frames(YES, "20 clips of 12, rare flips", 20, 12, own=0.7, kind="flips"),
    "ceiling": frames(
        CANNOT, "sensitivity nearly always at its top", 12, 6, own=0.6, kind="ceiling"
    ),
    "few clusters": frames(NO, "8 clips of 12", 8, 12),
    "few, true proxy": frames(YES, "8 clips of 12, and more", 8, 12, own=0.6),
    "fewer clusters": frames(CANNOT, "5 clips of 20, no order in time", 5, 20),
}


def judge_world(world: World, runs: int, seed: int, resamples: int = 499) -> dict[str, object]:
    """Shares of verdicts, coverage of the interval and mean raw coefficient, over ``runs`` draws."""
    rng = np.random.default_rng(seed)
    truth = np.mean([true_value(world, rng) for _ in range(4)], axis=0)
    tied = {f"p{k}" for k in np.flatnonzero(FAMILY == 0)} if world.expected != NO else set()
    verdicts: dict[bool, list[str]] = {True: [], False: []}
    whole: dict[bool, list[str]] = {True: [], False: []}
    covered, raw = [], []
    families = {f"p{k}": f"family {f}" for k, f in enumerate(FAMILY)}
    for run in range(runs):
        table = correlate(
            as_units(world, world.draw(rng, 1)), families, seed=run, resamples=resamples
        ).table
        table = table[table["primary"]]
        partial = table[table["method"] == "partial_spearman"]
        for name, verdict in zip(partial["perturbation"], partial["verdict"], strict=True):
            verdicts[name in tied].append(verdict)
        for name, verdict in partial.groupby("family")["family_verdict"].first().items():
            whole[bool(tied) and name == "family 0"].append(verdict)
        partial = partial[partial["family"] == "family 0"]
        known = partial["low"].notna()
        inside = (partial["low"].to_numpy() <= truth) & (truth <= partial["high"].to_numpy())
        covered += list(inside[known.to_numpy()])
        raw += list(table.loc[table["method"] == "spearman", "value"])
    one = verdicts[bool(tied)]
    share = {v: np.mean(np.array(one) == v) for v in (YES, NO, CANNOT)}
    share["false"] = np.mean(np.array(verdicts[False]) == YES)
    share["family"] = np.mean(np.array(whole[True]) == YES) if tied else np.nan
    share["false family"] = np.mean(np.array(whole[False]) == YES)
    return {
        "raw": float(np.nanmean(raw)),
        "coverage": float(np.mean(covered)) if covered else np.nan,
        **share,
    }


def compare_intervals(world: World, runs: int, seed: int, resamples: int = 300) -> dict[str, float]:
    """Coverage of several 95 % intervals of one partial Spearman coefficient."""
    rng = np.random.default_rng(seed)
    truth = np.arctanh(np.mean([true_value(world, rng)[0] for _ in range(4)]))
    covered: dict[str, list[bool]] = {}
    for _ in range(runs):
        draw = world.draw(rng, 1)
        x, y, z = draw.x[:, :1], draw.y[:, None], draw.z

        def coefficient(rows: np.ndarray, x=x, y=y, z=z) -> np.ndarray:
            return partial_spearman(x[rows], y[rows], z[rows])

        ours = cluster_jackknife(coefficient, draw.cluster, lost=2 + z.shape[1])
        members = [np.flatnonzero(draw.cluster == c) for c in np.unique(draw.cluster)]
        picks = rng.integers(0, len(members), size=(resamples, len(members)))
        boot = [coefficient(np.concatenate([members[k] for k in pick])).item() for pick in picks]
        centre, spread = float(fisher_z(ours.value).item()), fisher_z(ours.without).ravel()
        boot_z = np.sort(fisher_z(np.array(boot)))
        fisher = 1.96 / np.sqrt(len(y) - 3 - z.shape[1])
        for name, (low, high) in {
            "jackknife": (float(fisher_z(ours.low).item()), float(fisher_z(ours.high).item())),
            "percentile": tuple(np.quantile(boot_z, [0.025, 0.975])),
            "BCa": _bca(boot_z, centre, spread),
            "Fisher, units": (centre - fisher, centre + fisher),
        }.items():
            covered.setdefault(name, []).append(low <= truth <= high)
    return {name: float(np.mean(hits)) for name, hits in covered.items()}


def _bca(boot: np.ndarray, centre: float, without: np.ndarray) -> tuple[float, float]:
    """Efron 1987: bias from the share of resamples below the estimate, acceleration from the jackknife."""
    below = np.clip(np.mean(boot < centre), 1 / len(boot), 1 - 1 / len(boot))
    bias, d = special.ndtri(below), without.mean() - without
    speed = np.sum(d**3) / (6 * np.sum(d**2) ** 1.5)
    edges = bias + np.array([-1.96, 1.96])
    low, high = np.quantile(boot, special.ndtr(bias + edges / (1 - speed * edges)))
    return float(low), float(high)


def true_value(world: World, rng: np.random.Generator) -> np.ndarray:
    """The partial Spearman coefficients of the first family on a very large draw."""
    small = world.draw(rng, 1)
    large = world.draw(rng, max(1, LARGE // len(small.y)))
    return partial_spearman(large.x[:, FAMILY == 0], large.y[:, None], large.z)[:, 0]


def as_units(world: World, draw: Draw) -> CorrelationUnits:
    """A draw as the study receives it."""
    n, p = draw.x.shape
    in_time = world.across == "frames"
    cluster = np.array([f"c{c:03d}" for c in draw.cluster], dtype=object)
    natural = pd.DataFrame({"total_variation": draw.y})
    one_clip = in_time and len(np.unique(cluster)) == 1
    return CorrelationUnits(
        across=world.across,  # type: ignore[arg-type]
        model="simulated" if in_time else "",
        name=np.array([f"u{i}" for i in range(n)], dtype=object),
        cluster=_stretches(cluster, draw.x, natural.to_numpy()) if one_clip else cluster,
        clusters_are="stretches" if one_clip else "clips" if in_time else "families",
        series=cluster if in_time else None,
        columns=pd.DataFrame(
            {
                "perturbation": [f"p{k}" for k in range(p)],
                "strength": 1.0,
                "metric": "total_variation",
            }
        ),
        sensitivity=draw.x,
        instability=natural,
        confounders=pd.DataFrame(
            draw.z, columns=["margin", "pixel_change"] if in_time else ["clean_accuracy"]
        ),
        confounder_reliability=draw.reliability,
        foreign=None if draw.foreign is None else pd.DataFrame({"other data": draw.foreign}),
        primary_sensitivity="total_variation",
        primary_stability="total_variation",
    )


def _stretches(series: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Stretches of a clip with two sampled frames a second, as a study of a run cuts it."""
    slow = autocorrelation_time(series, x, y)
    time_s = np.arange(len(series)) / 2
    shortest = max(SHORTEST_S, 3 * slow / 2) if slow > 1 else SHORTEST_S
    return independent_clusters(series, time_s, shortest=shortest).label


def _sizes(count: int, families: int, scale: int) -> np.ndarray:
    """Uneven family sizes that sum to ``count``: a few large ones, many small."""
    share = 1 / np.arange(1, families + 1)
    sizes = np.maximum(1, np.floor(count * share / share.sum())).astype(int)
    sizes[0] += count - sizes.sum()
    return np.tile(sizes, scale)


def _clustered(
    rng: np.random.Generator, cluster: np.ndarray, share: float, columns: int
) -> np.ndarray:
    """(n, columns) standard normal, ``share`` of the variance common to a cluster."""
    common = rng.normal(size=(int(cluster.max()) + 1, columns))[cluster]
    return np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=(len(cluster), columns))


def _slow(
    rng: np.random.Generator,
    clips: int,
    per_clip: int,
    columns: int,
    slow: float,
    clip_share: float,
) -> np.ndarray:
    """(clips * per_clip, columns) standard normal, autoregressive within a clip."""
    steps = rng.normal(size=(clips, per_clip, columns))
    for t in range(1, per_clip):
        steps[:, t] = slow * steps[:, t - 1] + np.sqrt(1 - slow**2) * steps[:, t]
    level = rng.normal(size=(clips, 1, columns))
    return (np.sqrt(clip_share) * level + np.sqrt(1 - clip_share) * steps).reshape(-1, columns)


def main() -> None:
    """Print the table."""
    parser = harness.parser(__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", nargs="*", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--intervals", action="store_true")
    arguments = parser.parse_args()
    if arguments.intervals:
        methods = "jackknife", "percentile", "BCa", "Fisher, units"
        table = harness.table("world", *methods, digits=1)
        for name in arguments.world:
            share = compare_intervals(WORLDS[name], arguments.runs, arguments.seed)
            table.row(name, *(100 * share[method] for method in methods))
        return
    shares = (YES, NO, CANNOT, "untied: proxy", "tied family: proxy", "untied families: proxy")
    columns = "world", "truth", "rho", "cover %"
    table = harness.table(*columns, *(f"{share} %" for share in shares), digits=2)
    start = time.process_time()
    for name in arguments.world:
        world = WORLDS[name]
        r = judge_world(world, arguments.runs, arguments.seed)
        figures = r["raw"], 100 * r["coverage"]
        each = (100 * r[share] for share in (YES, NO, CANNOT, "false", "family", "false family"))
        table.row(f"{name}: {world.about}", world.expected, *map(float, (*figures, *each)))
    seconds = time.process_time() - start
    say(
        f"\n{arguments.runs} draws of {PERTURBATIONS} perturbations in each world; {seconds:.0f} s of CPU."
    )


if __name__ == "__main__":
    harness.run(main)
