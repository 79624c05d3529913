"""The leak meter of fine-tuning: does what an arm trains with come near what judges it, whatever its family?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from vidrobust.perturb.catalogue import PERTURBATIONS
from vidrobust.perturb.draws import from_seed, seeded
from vidrobust.plugins.finetune.arms import Arm
from vidrobust.plugins.finetune.asked import key_of
from vidrobust.plugins.finetune.families import Condition
from vidrobust.plugins.finetune.network import TrainableNetwork
from vidrobust.plugins.finetune.sample_distance import COVERED, Change, Features, Leak, changes, leak
from vidrobust.plugins.finetune.shown import shown_under
from vidrobust.plugins.finetune.steps import Mixture, Step, changed
from vidrobust.run_folder.settings import Settings
from vidrobust.stages.policy.trained_with import families as families_in
from vidrobust.stages.policy.trained_with import parse
from vidrobust.tables import schema as tables
from vidrobust.text.numbers import percent, percent_with_interval
from vidrobust.text.phrases import listing

# Frames, draws of what trains and of the judge again, and of the judge.
PICTURES, DRAWS, JUDGED = 8, 16, 8
# In the place of an arm: what the run says that the network was trained with before.
AS_TRAINED = "as it came"
VERSION = 2


def arm_change(
    network: TrainableNetwork, arm: Arm, mixture: Mixture | None, frames: Sequence[torch.Tensor]
) -> Change:
    """One draw of all that an arm does to a picture, the same for every frame."""
    picture = arm.picture() if arm.picture else None

    def change(draw: int) -> torch.Tensor:
        seed = seeded("adapt-leak", 0, draw, arm.name, 0).initial_seed()
        steps = mixture.draw(from_seed(seed)) if mixture else ()
        cut = [network.cut(changed(frame, steps, from_seed(seed + 1)))[0] for frame in frames]
        with torch.random.fork_rng(devices=[]):
            return torch.stack([_seeded(picture, one, seed) if picture else one for one in cut])

    return change


def _seeded(picture: nn.Module, one: torch.Tensor, seed: int) -> torch.Tensor:
    """The picture after a transform that draws from torch's own generator."""
    torch.manual_seed(seed % 2**31)
    made: torch.Tensor = picture(one)
    return made


def measurable(
    arms: Sequence[Arm], mixtures: Mapping[str, Mixture], settings: Settings
) -> dict[str, tuple[Arm, Mixture | None]]:
    """Return the arms whose pictures can be drawn one by one, and AS_TRAINED where the run says what that was."""
    found = {arm.name: (arm, mixtures.get(arm.name)) for arm in arms if arm.batch is None}
    if steps := came_with(settings):
        found[AS_TRAINED] = (Arm(name=AS_TRAINED, sentence=""), Mixture(one_of=steps))
    return found


def came_with(settings: Settings) -> tuple[Step, ...]:
    """The perturbations of ``trained_with``, each up to its largest usual strength; of a family all."""
    trained = parse(settings.trained_with)
    keys = [
        key for each in trained for key in ([each.perturbation] if each.perturbation else _of(each.family))
    ]
    found = []
    for key in dict.fromkeys(keys):
        entry = PERTURBATIONS[key]
        most = entry.strengths[-1]
        found.append(Step(key=key, low=-most if entry.either_way else 0.0, high=most, probability=1.0))
    return tuple(found)


def families_came_with(settings: Settings) -> tuple[str, ...]:
    """Families of ``trained_with``."""
    return families_in(parse(settings.trained_with))


def _of(family: str) -> list[str]:
    return [
        key for key, entry in PERTURBATIONS.items() if entry.family == family and entry.suite == "natural"
    ]


def judge_change(
    network: TrainableNetwork, at: Condition, frames: Sequence[torch.Tensor], first: int
) -> Change:
    """One draw of a condition, the same for every frame, numbered from ``first``."""

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
    few = [frames[k] for k in np.linspace(0, len(frames) - 1, min(PICTURES, len(frames))).astype(int)]
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
            others = [each for each, of_it in zip(judged, judges, strict=True) if of_it.family not in like]
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
    """Features of draws, in files that are made once."""

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
    """Of each arm the judges of families it was not trained with that its training comes near all the same.

    Then those of which it cannot be told.
    """
    found = []
    unseen = table[~table["trained"]]
    for arm, rows in unseen[unseen["verdict"] == "leak"].groupby("arm", sort=False):
        found.append(
            f"{arm}: its pictures come near those under {_near(rows)}, though no family of these was trained: a "
            "good result there is no test of the unseen"
        )
    unsure = unseen[unseen["verdict"] == "cannot tell"]
    for arm, rows in unsure[unsure["covered"] >= COVERED].groupby("arm", sort=False):
        found.append(f"{arm}: whether its pictures come near those under {_near(rows)} cannot be determined")
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
