"""Class maps: the maximum of the classes that belong together, minus infinity where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidrobust.errors import InputError
from vidrobust.footage.labels.class_map import ClassMap, read_class_map


def test_scores_by_hand() -> None:
    mapping = ClassMap(of_model={0: 1, 3: 1, 2: 0}, classes=3)
    scores = np.array([[0.4, 0.3, 0.1, 0.2], [0.1, 0.6, 0.1, 0.2]])
    np.testing.assert_array_equal(mapping.scores(scores), [[0.1, 0.4, -np.inf], [0.1, 0.2, -np.inf]])
    np.testing.assert_allclose(mapping.scores(scores, merge="sum")[:, 1], [0.6, 0.3])
    assert mapping.unmapped == (2,)


def test_a_class_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"class 5 of the model maps outside 0\.\.2"):
        ClassMap(of_model={5: 3}, classes=3)
    with pytest.raises(ValueError, match="the map needs 4 classes, the model has 2"):
        ClassMap(of_model={3: 0}, classes=1).scores(np.ones((1, 2)))
    with pytest.raises(ValueError, match="merge: expected max or sum"):
        ClassMap(of_model={0: 0}, classes=1).scores(np.ones((1, 2)), merge="mean")
    (tmp_path / "map.json").write_text("[1]")
    with pytest.raises(InputError, match=r"map\.json: is no class map"):
        read_class_map(tmp_path / "map.json", 3)
