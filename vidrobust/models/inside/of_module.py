"""Torch modules: watched at their head."""

from __future__ import annotations

import numpy as np
import torch
from scipy import special

from vidrobust.models.inside.answered import SAME, Answered, look, no_logits
from vidrobust.models.inside.head_of_module import head_of, watched
from vidrobust.models.inside.looked import Look
from vidrobust.models.network import Network, NetworkClassifier, check_frames
from vidrobust.models.outputs import as_rows, in_fixed_batches


def module_look(model: NetworkClassifier, network: Network, module: torch.nn.Module, kind: str) -> Look:
    """kind  of its scores, as ``models/outputs.py`` calls it.

    Where the softmax is inside the module, what comes out of its head are the logits.
    """
    where = f"model {network.name}"
    with torch.inference_mode():
        few = network.preprocess(check_frames().to(network.device))
        rows = as_rows(network.run(few), where)
    name = head_of(module, lambda: network.run(few), rows.shape[1])
    softmax_inside = (
        bool(name) and kind == "probabilities" and _softmax_behind(network, module, name, few, rows)
    )
    lacks = {} if softmax_inside else no_logits(kind)
    if not name:
        lacks["features"] = f"no layer of it gives its {rows.shape[1]} scores, and none is fully connected"
    if kind != "logits":
        lacks["odin"] = lacks.get("logits", "its softmax is inside the network")

    def watching(cut: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        with torch.inference_mode(), watched(module, name) as seen:
            rows = as_rows(network.run(network.preprocess.normalise(cut)), where)
            features = seen.features(len(cut))
        logits = rows if kind == "logits" else seen.scores(len(cut)) if softmax_inside else None
        return rows, logits, features

    answered = watching if name else plain(network, kind)
    return look(model, network, answered, lacks, f"what goes into its layer {name}" if name else "")


def plain(network: Network, kind: str) -> Answered:
    """Its scores alone."""

    def answered(cut: torch.Tensor) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        rows = network_rows(network, network.preprocess.normalise(cut))
        return rows, rows if kind == "logits" else None, None

    return answered


def network_rows(network: Network, inputs: torch.Tensor) -> np.ndarray:
    """(N, K) float32 of normalised inputs, in batches of the size that it takes."""
    with torch.inference_mode():
        return in_fixed_batches(
            lambda part: as_rows(network.run(part), f"model {network.name}"), inputs, network.fixed_batch
        )


def _softmax_behind(
    network: Network, module: torch.nn.Module, name: str, few: torch.Tensor, rows: np.ndarray
) -> bool:
    """Whether its answer is the softmax of what comes out of this layer."""
    with torch.inference_mode(), watched(module, name) as seen:
        network.run(few)
    own = special.softmax(seen.scores(len(few)), axis=1)
    return own.shape == rows.shape and bool(np.abs(own - rows).max() < SAME)
