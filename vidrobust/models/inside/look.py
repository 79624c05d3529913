"""look_of: how a classifier is asked for what it says beside its answer, by what kind of network it is."""

from __future__ import annotations

from vidrobust.models.inside.answered import ONLY_TORCH, look, no_logits
from vidrobust.models.inside.looked import Look
from vidrobust.models.inside.of_callable import callable_look
from vidrobust.models.inside.of_module import module_look, plain
from vidrobust.models.inside.of_onnx import onnx_look
from vidrobust.models.network import NetworkClassifier, check_frames, scores
from vidrobust.models.outputs import find_scores
from vidrobust.predictions import Classifier


def look_of(model: Classifier) -> Look:
    """The Look of a classifier.

    A torch module is watched at its head; an ONNX file is cut before its last layer, and before its last softmax;
    of any other callable there is the answer alone, and more where it has a ``module``. A network that an engine
    computes is asked as it was loaded.
    """
    if not isinstance(model, NetworkClassifier):
        return callable_look(model)
    network = model.network.as_loaded or model.network
    kind, _ = find_scores(scores(network, check_frames()), network.declared.output, f"model {network.name}")
    if network.module is not None:
        return module_look(model, network, network.module, kind)
    if network.onnx is not None:
        return onnx_look(model, network, network.onnx, kind)
    lacks = {"features": "it is an exported program, whose layers cannot be reached", "odin": ONLY_TORCH}
    return look(model, network, plain(network, kind), lacks | no_logits(kind))
