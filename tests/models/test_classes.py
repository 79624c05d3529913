"""Where class names come from."""

import pytest

from vidrobust.errors import SettingsError
from vidrobust.models import classes


def test_imagenet_in_the_usual_order():
    """Indices that the corpus uses in clip_labels.csv: 281 tabby, 414 backpack, 850 teddy, 898 water bottle."""
    names = classes.imagenet()
    assert len(names) == 1000
    some = ["tench", "tabby", "backpack", "teddy", "water bottle"]
    assert [names[i] for i in (0, 281, 414, 850, 898)] == some


def test_default_names():
    names, note = classes.default(1000)
    assert names == classes.imagenet()
    assert "taken for ImageNet" in note
    assert classes.default(3)[0] == ("class 0", "class 1", "class 2")


def test_background_is_never_guessed():
    said = r'1001 outputs: .*background.*classes = "background\+imagenet"'
    with pytest.raises(SettingsError, match=said):
        classes.default(1001)


def test_named(tmp_path):
    (tmp_path / "names.txt").write_text("good\n\n scratched \nbroken é\n", encoding="utf-8")
    assert classes.named("names.txt", tmp_path) == ("good", "scratched", "broken é")
    assert classes.named(["a", "b"], tmp_path) == ("a", "b")
    assert classes.named("imagenet", tmp_path) == classes.imagenet()
    background = classes.named("background+imagenet", tmp_path)
    assert (len(background), background[0], background[282]) == (1001, "background", "tabby")


def test_wrong_names(tmp_path):
    with pytest.raises(SettingsError, match=r"classes: .*gone\.txt cannot be read"):
        classes.named("gone.txt", tmp_path)
    (tmp_path / "one.txt").write_text("only\n")
    with pytest.raises(SettingsError, match="expected two or more class names, got 1"):
        classes.named("one.txt", tmp_path)
    assert classes.named("one.txt", tmp_path, fewest=1) == ("only",)
    with pytest.raises(SettingsError, match=r"no class of the model, which has 1: only; give"):
        classes.sets_for([frozenset({"other"})], ("only",))
    with pytest.raises(SettingsError, match="expected a class name, got 0"):
        classes.named([], tmp_path, fewest=1)
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(SettingsError, match="cannot be read as a text file"):
        classes.named("binary.txt", tmp_path)


def test_imagenet_names_are_torchvisions_but_for_those_shown_otherwise():
    """Torchvision's list is the reference; only the teat of a bottle, class 680, has another name."""
    from torchvision.models._meta import _IMAGENET_CATEGORIES

    both = enumerate(zip(_IMAGENET_CATEGORIES, classes.imagenet(), strict=True))
    different = {k: names for k, names in both if len(set(names)) > 1}
    assert different == {680: ("nipple", "bottle teat")}


def test_a_name_of_several_classes_is_remarked():
    assert classes.repeated(("good", "bad")) == ""
    assert "'good' is the name of 2 classes" in classes.repeated(("good", "bad", "good"))
    assert classes.repeated(classes.imagenet()) == ""
