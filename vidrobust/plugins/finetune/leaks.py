"""The leak meter: does what an arm trains with come near what judges it, whatever its family?"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed, seeded
from vidrobust.plugins.finetune.arms import Arm, key_of
from vidrobust.plugins.finetune.network import Features, TrainableNetwork
from vidrobust.plugins.finetune.steps import Condition, Mixture, Step, changed, shown_under
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.policy.trained_with import families as families_in
from vidrobust.stages.policy.trained_with import parse
from vidrobust.statistics.standard_errors import left_out_interval
from vidrobust.tables import schema as tables
from vidrobust.text.numbers import percent, percent_with_interval
from vidrobust.text.phrases import listing

# Number of a draw -> (N, 3, h, w) uint8: the pictures, all changed by that one draw.
Change = Callable[[int], torch.Tensor]
Verdict = Literal["leak", "apart", "cannot tell"]
COVERED = 0.5  # From this share of the way on the judge is one that was trained for
ROUNDING = 1e-4  # A smaller change of the features, as a share of their length, is none
# Where the judge's own further draws are farther than this share of the unchanged distance, there is no
# scale.
OWN_MOST = 0.5


@dataclass(frozen=True, kw_only=True)
class Leak:
    """How near training comes to a judge.

    ``trained``, ``unchanged`` and ``own`` are mean distances from judged draws to the nearest trained one, to
    unchanged pictures and to further judged draws. ``covered`` is the share of the way from unchanged to own
    (NaN without a scale), ``chance`` that of changes of other families.
    """

    trained: float
    unchanged: float
    own: float
    covered: float
    low: float
    high: float
    chance: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """Leak where training surely covers half of the way and more than by chance, apart where surely less."""
        if self.low >= max(COVERED, self.chance):
            return "leak"
        return "apart" if self.high < COVERED else "cannot tell"


def changes(features: Features, change: Change, draws: int) -> np.ndarray:
    """(draws, N, D): the features of the pictures under each draw."""
    return np.stack([np.asarray(features(change(draw)), np.float64) for draw in range(draws)])


def minimal_sample_distance(trained: np.ndarray, judged: np.ndarray) -> float:
    """The paper's distance, of trained (A, N, D) to the mean of judged (C, N, D) draws (section 3.2)."""
    centre = judged.mean(axis=(0, 1))
    return float(np.linalg.norm(trained.mean(axis=1) - centre, axis=1).min())


def leak(
    trained: np.ndarray,
    judged: np.ndarray,
    again: np.ndarray,
    unchanged: np.ndarray,
    others: np.ndarray | None = None,
) -> Leak:
    """Compare features of N pictures under trained (A, N, D), judged (C, N, D) and further judged draws."""
    near, bare, own = _distances(trained, judged, again, unchanged)
    floor = ROUNDING * float(np.linalg.norm(unchanged.mean(axis=0)))
    if bare <= floor or own > OWN_MOST * bare:
        return Leak(
            trained=near, unchanged=bare, own=own, covered=math.nan, low=math.nan, high=math.nan
        )
    covered = _share(near, bare, own)
    without = [
        _share(
            *_distances(
                *(np.delete(each, k, axis=-2) for each in (trained, judged, again, unchanged))
            )
        )
        for k in range(len(unchanged) if len(unchanged) > 1 else 0)
    ]
    low, high = left_out_interval(covered, np.array(without), (0.0, 1.0))
    chance = 0.0 if others is None else _share(_mean_off(judged, others, unchanged), bare, own)
    return Leak(
        trained=near, unchanged=bare, own=own, covered=covered, low=low, high=high, chance=chance
    )


def _share(near: float, bare: float, own: float) -> float:
    return float(np.clip((bare - near) / (bare - own), 0.0, 1.0)) if bare > own else math.nan


def _distances(
    trained: np.ndarray, judged: np.ndarray, again: np.ndarray, unchanged: np.ndarray
) -> tuple[float, float, float]:
    of = judged.mean(axis=1)
    rest = unchanged.mean(axis=0)[None]
    among = (np.concatenate([trained.mean(axis=1), rest]), rest, again.mean(axis=1))
    near, bare, own = (_mean_nearest(of, each) for each in among)
    return near, bare, own


def _mean_nearest(judged: np.ndarray, among: np.ndarray) -> float:
    apart = np.linalg.norm(judged[:, None] - among[None], axis=2)
    return float(apart.min(axis=1).mean())


def _mean_off(judged: np.ndarray, others: np.ndarray, unchanged: np.ndarray) -> float:
    rest = unchanged.mean(axis=0)
    to, ray = (each.mean(axis=1) - rest for each in (judged, others))
    length = np.linalg.norm(ray, axis=1)
    ray = ray[length > 0] / length[length > 0, None]
    along = np.clip(to @ ray.T, 0.0, None).max(axis=1, initial=0.0)
    return float(np.sqrt(np.clip(np.square(to).sum(axis=1) - along**2, 0.0, None)).mean())


# Frames, draws of what trains and of the judge again, and of the judge.
PICTURES, DRAWS, JUDGED = 8, 16, 8
# In the place of an arm: what the run says that the network was trained with before.
AS_TRAINED = "as it came"
VERSION = 2


def arm_change(
    network: TrainableNetwork, arm: Arm, mixture: Mixture | None, frames: Sequence[torch.Tensor]
) -> Change:
    """One draw of an arm, the same for every frame."""
    picture = arm.picture() if arm.picture else None

    def change(draw: int) -> torch.Tensor:
        seed = seeded("adapt-leak", 0, draw, arm.name, 0).initial_seed()
        steps = mixture.draw(from_seed(seed)) if mixture else ()
        cut = [network.cut(changed(frame, steps, from_seed(seed + 1)))[0] for frame in frames]
        with torch.random.fork_rng(devices=[]):
            return torch.stack([_seeded(picture, one, seed) if picture else one for one in cut])

    return change


def _seeded(picture: nn.Module, one: torch.Tensor, seed: int) -> torch.Tensor:
    torch.manual_seed(seed % 2**31)
    made: torch.Tensor = picture(one)
    return made


def measurable(
    arms: Sequence[Arm], mixtures: Mapping[str, Mixture], settings: Settings
) -> dict[str, tuple[Arm, Mixture | None]]:
    """All arms, and AS_TRAINED where the run names that."""
    found = {arm.name: (arm, mixtures.get(arm.name)) for arm in arms}
    if steps := came_with(settings):
        found[AS_TRAINED] = (
            Arm(name=AS_TRAINED, sentence=""),
            Mixture(one_of=steps, chances=(1.0,)),
        )
    return found


def came_with(settings: Settings) -> tuple[Step, ...]:
    """The perturbations of ``trained_with`` up to their largest usual strength."""
    trained = parse(settings.trained_with)
    keys = [
        key
        for each in trained
        for key in ([each.perturbation] if each.perturbation else _of(each.family))
    ]
    found = []
    for key in dict.fromkeys(keys):
        entry = PERTURBATIONS[key]
        most = entry.strengths[-1]
        found.append(
            Step(key=key, low=-most if entry.either_way else 0.0, high=most, probability=1.0)
        )
    return tuple(found)


def families_came_with(settings: Settings) -> tuple[str, ...]:
    return families_in(parse(settings.trained_with))


def _of(family: str) -> list[str]:
    return [
        key
        for key, entry in PERTURBATIONS.items()
        if entry.family == family and entry.suite == "natural"
    ]


def judge_change(
    network: TrainableNetwork, at: Condition, frames: Sequence[torch.Tensor], first: int
) -> Change:
    """One draw of a condition, numbered from ``first``, the same for every frame."""

    def change(draw: int) -> torch.Tensor:
        return torch.cat(
            [network.cut(shown_under(frame, at, "adapt-leak", first + draw)) for frame in frames]
        )

    return change


def table_of(
    model: str,
    network: TrainableNetwork,
    arms: Mapping[str, tuple[Arm, Mixture | None]],
    families: Mapping[str, Sequence[str]],
    frames: Sequence[torch.Tensor],
    conditions: Sequence[Condition],
    folder: Path,
    key: str,
    *,
    draws: int = DRAWS,
) -> pd.DataFrame:
    """Return the table ``leaks``: a row an arm and judge; empty for a network without a head."""
    features = network.features()
    judges = [at for at in conditions if at.times in (0.0, 1.0)]
    if features is None or not arms or not judges:
        return tables.empty("leaks")
    few = [
        frames[k] for k in np.linspace(0, len(frames) - 1, min(PICTURES, len(frames))).astype(int)
    ]
    kept = _KeptLeaks(features, folder, key_of([VERSION, key, len(few), draws]))
    still = kept.of("unchanged", lambda _: torch.cat([network.cut(frame) for frame in few]), 1)[0]
    trained = {
        name: kept.of(_said(arm, mixture), arm_change(network, arm, mixture, few), draws)
        for name, (arm, mixture) in arms.items()
    }
    judged = [kept.of(_named(at), judge_change(network, at, few, 0), JUDGED) for at in judges]
    rows: list[dict[str, object]] = []
    for own, at in zip(judged, judges, strict=True):
        again = kept.of(f"{_named(at)} again", judge_change(network, at, few, JUDGED), draws)
        for arm, of in trained.items():
            like = {at.family, *families[arm]}
            others = [
                each for each, of_it in zip(judged, judges, strict=True) if of_it.family not in like
            ]
            found = leak(of, own, again, still, np.concatenate(others) if others else None)
            rows.append(_row(model, arm, at, found, trained=at.family in families[arm]))
    return tables.check("leaks", pd.DataFrame(rows))


def _named(at: Condition) -> str:
    return f"judge {at.key} {at.size:g} {at.step.axes}"


def _said(arm: Arm, mixture: Mixture | None) -> str:
    return f"arm {arm.name} {key_of([vars(step) for step in mixture.every] if mixture else [])}"


def _row(model: str, arm: str, at: Condition, found: Leak, *, trained: bool) -> dict[str, object]:
    return {
        "model": model,
        "arm": arm,
        "judged": at.key,
        "family": at.family,
        "strength": at.size,
        "trained": trained,
        "distance": found.trained,
        "unchanged": found.unchanged,
        "own": found.own,
        "covered": found.covered,
        "low": found.low,
        "high": found.high,
        "chance": found.chance,
        "verdict": found.verdict,
    }


class _KeptLeaks:
    def __init__(self, features: Features, folder: Path, key: str) -> None:
        self.features, self.folder, self.key = features, folder, key

    def of(self, name: str, change: Change, draws: int) -> np.ndarray:
        path = self.folder / f"{key_of([self.key, name, draws])}.npy"
        if path.is_file():
            return np.asarray(np.load(path))
        found = changes(self.features, change, draws)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        with beside.open("wb") as file:
            np.save(file, found)
        beside.replace(path)
        return found


def sentences(table: pd.DataFrame) -> list[str]:
    """Per arm, the judges of untrained families that it comes near."""
    found = []
    unseen = table[~table["trained"]]
    for arm, rows in unseen[unseen["verdict"] == "leak"].groupby("arm", sort=False):
        found.append(
            f"{arm}: its pictures come near those under {_near(rows)}, though no family of these was trained: a "
            "good result there is no test of the unseen"
        )
    unsure = unseen[unseen["verdict"] == "cannot tell"]
    for arm, rows in unsure[unsure["covered"] >= COVERED].groupby("arm", sort=False):
        found.append(
            f"{arm}: whether its pictures come near those under {_near(rows)} cannot be determined"
        )
    if blank := list(dict.fromkeys(unsure.loc[unsure["covered"].isna(), "judged"])):
        found.append(
            f"whether any training comes near {listing(blank)} cannot be determined: draws differ from each other "
            "nearly as much as from unchanged pictures, or change nothing"
        )
    return found


def _near(rows: pd.DataFrame) -> str:
    found = []
    for row in rows.itertuples():
        said = f"{percent_with_interval(row.covered, row.low, row.high)} of the way"
        chance = f", those of other families {percent(row.chance)}" if row.chance >= COVERED else ""
        found.append(f"{row.judged} ({said}{chance})")
    return listing(found)
