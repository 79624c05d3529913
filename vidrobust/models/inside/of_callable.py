"""Models that are called with whole frames: their answer, and what lies inside the module they say they call."""

from __future__ import annotations

import functools

import numpy as np
import torch
from scipy import special

from vidrobust.models.inside.answered import ONLY_ANSWERS, SAME
from vidrobust.models.inside.head_of_module import head_of, watched
from vidrobust.models.inside.looked import LACKS, TURNS, Look, Looked
from vidrobust.models.network import check_frames
from vidrobust.models.predict import predict
from vidrobust.predictions import Classifications, Classifier


def callable_look(model: Classifier) -> Look:
    """Its answer alone, or more where its attribute ``module`` is a torch module that it calls.

    There a quarter turn is one of the whole frame, before whatever cuts and resizes it.
    """
    module = getattr(model, "module", None)
    if not isinstance(module, torch.nn.Module):
        return Look(frames=functools.partial(_answer, model), lacks=dict.fromkeys(LACKS, ONLY_ANSWERS))
    few = check_frames()
    name = head_of(module, lambda: model(few), len(model.class_names))
    if not name:
        return Look(frames=functools.partial(_answer, model), lacks=dict.fromkeys(LACKS, ONLY_ANSWERS))
    softmax = watched_answer(model, module, name, few)[2] is not None
    lacks = {"odin": "what it does with frames before its module has no gradient"}
    if not softmax:
        lacks["logits"] = "its answer is not the softmax of what its last layer gives"

    def frames(pixels: torch.Tensor) -> Looked:
        said, features, logits = watched_answer(model, module, name, pixels)
        turned = [features]
        for turn in range(1, TURNS):
            turned.append(
                watched_answer(model, module, name, torch.rot90(pixels, turn, (2, 3)).contiguous())[1]
            )
        return Looked(
            answer=said.labels,
            surest=said.probabilities.max(axis=1).astype(np.float64),
            logits=logits if softmax else None,
            features=features,
            turned=np.stack(turned, axis=1),
        )

    return Look(frames=frames, lacks=lacks, head=f"what goes into its layer {name}")


def watched_answer(
    model: Classifier, module: torch.nn.Module, name: str, pixels: torch.Tensor
) -> tuple[Classifications, np.ndarray, np.ndarray | None]:
    """The answer, what went into the layer, and what came out of it where the answer is the softmax of that."""
    with watched(module, name) as seen:
        said = model(pixels)
    features, logits = seen.features(len(pixels)), seen.scores(len(pixels))
    own = special.softmax(logits, axis=1)
    same = own.shape == said.probabilities.shape and bool(
        np.abs(own - said.probabilities).max(initial=0) < SAME
    )
    return said, features, logits if same else None


def _answer(model: Classifier, pixels: torch.Tensor) -> Looked:
    said = predict(model, pixels)
    return Looked(answer=said.labels, surest=said.probabilities.max(axis=1).astype(np.float64))
