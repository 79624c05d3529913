"""Names of every script: never a box or a warning, whatever fonts the machine has."""

from __future__ import annotations

import base64

from vidrobust.report import drawing


def drawn(name: str) -> drawing.Picture:
    """A figure with the name on a tick and in the legend; a warning of a missing letter fails the test."""
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 2.0)
        axes[0, 0].plot([0, 1], [0, 1], label=name)
        axes[0, 0].set_xticks([0, 1], [name, "b"])
        axes[0, 0].legend()
        return drawing.encode(figure, "a", "Caption.")


def test_letters_that_no_font_has_are_reported_in_the_caption() -> None:
    name = "\U0001f9ff\ue123"  # a private letter, which no font has
    picture = drawn(name)
    assert picture.caption == f"Caption. In the figure no. 1 is {name}."
    assert picture.uri.startswith("data:image/svg+xml")
    assert b"<svg" in base64.b64decode(picture.uri.partition(",")[2])


def test_letters_of_the_usual_font_leave_the_caption_alone() -> None:
    assert drawn("Jürgen Анна").caption == "Caption."


def test_chinese_names_are_drawn_or_reported() -> None:
    caption = drawn("王五").caption
    assert caption in ("Caption.", "Caption. In the figure no. 1 is 王五.")
