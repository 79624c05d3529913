"""Names of every script: never a box or a warning, whatever fonts the machine has."""

import base64

import pytest

from vidrobust.report import drawing


def drawn(name):
    """A figure with the name on a tick and in the legend; a warning of a missing letter fails the test."""
    with drawing.styled():
        figure, axes = drawing.panels(1, 1, 2.0)
        axes[0, 0].plot([0, 1], [0, 1], label=name)
        axes[0, 0].set_xticks([0, 1], [name, "b"])
        axes[0, 0].legend()
        return drawing.encode(figure, "a", "Caption.")


@pytest.mark.parametrize(
    "name", ["J\u00fcrgen \u0410\u043d\u043d\u0430", "\u738b\u4e94", "\U0001f9ff\ue123"]
)
def test_names_are_text_that_the_browser_draws(name):
    picture = drawn(name)
    assert picture.caption == "Caption."
    assert picture.uri.startswith("data:image/svg+xml")
    svg = base64.b64decode(picture.uri.partition(",")[2]).decode()
    assert svg.count(f">{name}</text>") == 2  # of the tick and of the legend
