"""What models are shown, against each perturbation applied by itself."""

import numpy as np
import pytest
import torch

from tests.made_frames import batch_of
from vidrobust.perturb.catalogue import find
from vidrobust.perturb.draws import seeded
from vidrobust.predictions import Classifications
from vidrobust.stages.sensitivity.design import strengths_shown
from vidrobust.stages.sensitivity.unit import Draws, study_frames


class Watching:
    """A classifier that keeps what it was shown."""

    name, task, class_names = "watching", "classification", ("a", "b")

    def __init__(self):
        self.shown = []

    def __call__(self, pixels):
        self.shown.append(pixels.clone())
        return Classifications(np.full((len(pixels), 2), 0.5, np.float32), self.class_names)


@pytest.mark.parametrize("channels_last", [False, True])
def test_models_see_each_perturbed_frame_as_it_is_made_alone(channels_last):
    drawn = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (7, 3, 24, 40), dtype=torch.uint8, generator=drawn)
    if channels_last:
        pixels = pixels.contiguous(memory_format=torch.channels_last)
    frames = batch_of(pixels, first=10, item="clip")
    names = ("hue", "gaussian_noise", "rotation", "soft_shadow", "gamma")
    perturbations = [find(key) for key in names]
    model = Watching()
    found = study_frames(frames, [model], perturbations, Draws(content="c", seed=5, each=1))
    wanted = [pixels]
    for each in perturbations:
        numbers, how = np.arange(7), {"content": "c", "seed": 5, "each": 1}
        shown = strengths_shown(each.key, len(each.strengths), numbers, **how)
        for strength, of in zip(each.strengths, shown.T, strict=True):
            for row in np.flatnonzero(of):
                own = seeded("c", int(frames.index[row]), 0, each.key, 5)
                wanted.append(each.apply(pixels[row : row + 1].contiguous(), strength, [own]))
    assert torch.equal(torch.cat(model.shown), torch.cat([each.contiguous() for each in wanted]))
    assert len(found) == 35 * found["metric"].nunique()
