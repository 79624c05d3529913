"""Class maps: the maximum of the classes that belong together, minus infinity where there is none."""

import numpy as np
import pytest

from vidrobust.errors import InputError
from vidrobust.footage.labels.labels import ClassMap, read_class_map


def test_scores_by_hand():
    mapping = ClassMap(of_model={0: 1, 3: 1, 2: 0}, classes=3)
    scores = np.array([[0.4, 0.3, 0.1, 0.2], [0.1, 0.6, 0.1, 0.2]])
    expected = [[0.1, 0.4, -np.inf], [0.1, 0.2, -np.inf]]
    np.testing.assert_array_equal(mapping.scores(scores), expected)
    # a class that none belongs to loses against negative logits, as 0 in its place would not
    assert mapping.scores(np.array([[-3.0, 0, -1, -2]])).argmax() == 0
    assert mapping.unmapped == (2,)


def test_a_class_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"class 5 of the model maps outside 0\.\.2"):
        ClassMap(of_model={5: 3}, classes=3)
    (tmp_path / "map.json").write_text("[1]")
    with pytest.raises(InputError, match=r"map\.json: is no class map"):
        read_class_map(tmp_path / "map.json", 3)
    (tmp_path / "map.json").write_text('{"7": 2, "3": 0}')
    assert read_class_map(tmp_path / "map.json") == ClassMap(of_model={7: 2, 3: 0}, classes=3)
    assert ClassMap(of_model={7: 2}, classes=3).shifted(1).of_model == {8: 2}
