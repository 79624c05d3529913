"""Samples and targets of the training: what the networks are asked for is what is in the picture."""

import numpy as np
import pytest
import torch

from datasets.line_sim import train
from datasets.line_sim.fit import (
    DEFECT,
    FRAMES,
    defect_maps,
    detector_loss,
    heat_loss,
    mirrored,
    station_samples,
    target_maps,
)
from vidrobust.plugins.line.model_kind import (
    CLASSIFIER_SIZE,
    DETECTOR_SIZE,
    LineClassifier,
    LineDetector,
)
from vidrobust.plugins.line.parts import BOXES, LABELS


class Perfect(LineDetector):
    """A detector whose maps are the targets themselves."""

    def __init__(self, boxes):
        super().__init__()
        self.heat_target, self.box_target = target_maps(boxes)

    def maps(self, inputs):
        del inputs
        heat = torch.logit(self.heat_target.clamp(1e-4, 1 - 1e-4))
        return heat, self.box_target.nan_to_num()


def test_boxes_come_back_from_their_targets():
    corners = [[30, 70, 130, 110, 0], [80, 80, 92, 99, DEFECT], [200.5, 48, 221, 61, 3]]
    boxes = np.array(corners, np.float32)
    network = Perfect([boxes])
    output = network(torch.zeros(1, 3, *DETECTOR_SIZE))[0]
    scores, labels = output[4:].max(dim=0)
    rows = torch.argsort(-scores)[:3]
    assert scores[rows].min() > 0.99
    assert float(scores[torch.argsort(-scores)[3]]) < 0.5
    found = {int(labels[row]): output[:4, row].numpy() for row in rows}
    for x1, y1, x2, y2, label in boxes:
        middle = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
        np.testing.assert_allclose(found[int(label)], middle, rtol=1e-4, atol=1e-3)
    loss = detector_loss(*network.maps(torch.zeros(1)), network.heat_target, network.box_target)
    assert float(loss) < 0.05


def test_mirrored_targets_are_those_of_the_mirrored_boxes():
    boxes = np.array([[30, 70, 131, 110, 0], [83, 80, 92, 99, DEFECT]], np.float32)
    turned = boxes.copy()
    turned[:, [0, 2]] = DETECTOR_SIZE[1] - boxes[:, [2, 0]]
    for found, expected in zip(mirrored(*target_maps([boxes])), target_maps([turned]), strict=True):
        torch.testing.assert_close(found, expected, equal_nan=True, atol=1e-4, rtol=1e-4)


def test_the_classifier_is_shown_defects_of_the_middle_lane_alone():
    middle = np.array([[100, 90, 116, 106, DEFECT], [60, 70, 140, 125, 1]], np.float32)
    side = np.array([[100, 50, 110, 60, DEFECT]], np.float32)
    heat = defect_maps([middle, side])
    assert heat.shape == (2, 1, 9, 28)
    # middle 108, 98 px of 256 x 192 is 94.5, 85.75 px of 224 x 168, less 48 rows: column 11, row 4
    assert torch.nonzero(heat[0, 0] == 1).tolist() == [[4, 11]]
    assert float(heat[1].max()) == 0.0
    sure = torch.where(heat == 1, 12.0, -12.0)
    assert float(heat_loss(sure, heat)) < 1e-3 < float(heat_loss(-sure, heat))


def test_samples_hold_the_class_the_part_and_its_defect():
    samples = station_samples(0, scenes=5, seed=77)
    assert samples.small.shape == (5 * FRAMES, 3, *CLASSIFIER_SIZE)
    assert samples.large.shape == (5 * FRAMES, 3, *DETECTOR_SIZE)
    for label, boxes in zip(samples.labels.tolist(), samples.boxes, strict=True):
        lane = (boxes[:, 1] + boxes[:, 3]) / 2
        mine = boxes[(lane > 62) & (lane < 130)]
        kinds = [BOXES[int(row[4])] for row in mine if row[4] != DEFECT]
        assert kinds == [LABELS[label].removesuffix("-defect")]
        assert (mine[:, 4] == DEFECT).any() == LABELS[label].endswith("-defect")
        assert (boxes[:, 2] <= DETECTOR_SIZE[1]).all()
        assert (boxes[:, :2] >= 0).all()
    again = station_samples(0, scenes=1, seed=77)
    assert torch.equal(again.large, samples.large[:FRAMES])


def test_the_classifier_has_a_logit_a_class_and_a_place_for_each_defect():
    logits, places = LineClassifier().eval().maps(torch.zeros(2, 3, *CLASSIFIER_SIZE))
    assert logits.shape == (2, len(LABELS))
    assert places.shape == (2, 1, 9, 28)


def test_quick_weights_do_not_replace_those_of_the_package(capsys):
    with pytest.raises(SystemExit, match="2"):
        train.main(["--quick"])
    assert "say with --out where they go" in capsys.readouterr().err
