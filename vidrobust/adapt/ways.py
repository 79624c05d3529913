"""What differs between a classifier and a detector in fine-tuning, in one record each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidrobust.adapt import gather
from vidrobust.adapt.arms import ARMS, BOX_ARMS, Arm
from vidrobust.adapt.boxes import gather as boxes
from vidrobust.adapt.boxes.network import TrainableBoxes
from vidrobust.adapt.families import Condition
from vidrobust.adapt.metrics import BOXES, CLASSES, Headline
from vidrobust.adapt.network import Bench, Network, Samples
from vidrobust.pipeline.run import Run


@dataclass(frozen=True, kw_only=True)
class Way:
    """seen_of     run, name of the model, its classes -> the footage as the network answers it

    samples_of  network, what was chosen -> what is trained with
    bench_of    network, what was chosen, conditions -> what judges
    neighbours  frames that judge together
    whole       pictures that judge are kept as the footage has them
    """

    arms: Mapping[str, Arm]
    headline: Headline
    neighbours: int
    whole: bool
    seen_of: Callable[[Run, str, Sequence[str]], Any]
    samples_of: Callable[[Any, Any], Samples]
    bench_of: Callable[[Any, Any, tuple[Condition, ...]], Bench]


_CLASSES = Way(
    arms=ARMS,
    headline=CLASSES,
    neighbours=12,
    whole=False,
    seen_of=gather.seen_of,
    samples_of=gather.samples_of,
    bench_of=gather.bench_of,
)
_BOXES = Way(
    arms=BOX_ARMS,
    headline=BOXES,
    neighbours=48,
    whole=True,
    seen_of=boxes.seen_of,
    samples_of=boxes.samples_of,
    bench_of=boxes.bench_of,
)


def way_of(network: Network) -> Way:
    """That of a detector, or of a classifier."""
    return _BOXES if isinstance(network, TrainableBoxes) else _CLASSES
