"""look_of: how a classifier is asked for what it says beside its answer, by what kind of network it is."""

from __future__ import annotations

import functools

import numpy as np
import torch

from vidrobust.models.inside.answered import ONLY_ANSWERS, ONLY_TORCH, look, no_logits
from vidrobust.models.inside.looked import Look, Looked
from vidrobust.models.inside.of_module import module_look, plain
from vidrobust.models.inside.of_onnx import onnx_look
from vidrobust.models.network import NetworkClassifier, check_frames, scores
from vidrobust.models.outputs import find_scores
from vidrobust.models.predict import predict
from vidrobust.predictions import Classifier

LACKS = ("logits", "features", "odin")
"""What a model may not be able to say."""


def look_of(model: Classifier) -> Look:
    """The Look of a classifier.

    A torch module is watched at its head; an ONNX file is cut before its last layer, and before its last softmax;
    of any other callable there is the answer alone. A network that an engine computes is asked as it was loaded.
    """
    if not isinstance(model, NetworkClassifier):
        return Look(frames=functools.partial(_answer, model), lacks=dict.fromkeys(LACKS, ONLY_ANSWERS))
    network = model.network.as_loaded or model.network
    kind, _ = find_scores(scores(network, check_frames()), network.declared.output, f"model {network.name}")
    if network.module is not None:
        return module_look(model, network, network.module, kind)
    if network.onnx is not None:
        return onnx_look(model, network, network.onnx, kind)
    lacks = {"features": "it is an exported program, whose layers cannot be reached", "odin": ONLY_TORCH}
    return look(model, network, plain(network, kind), lacks | no_logits(kind))


def _answer(model: Classifier, pixels: torch.Tensor) -> Looked:
    said = predict(model, pixels)
    return Looked(answer=said.labels, surest=said.probabilities.max(axis=1).astype(np.float64))
