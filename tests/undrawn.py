"""Pages without their figures, which cost more than the rest and have tests of their own."""

from unittest import mock


def undrawn():
    """Let pages have what their figures say in words, and no pictures of them."""
    from vidrobust.report import (
        drawing,
    )  # here: it imports numpy, and conftest.py sets threads first

    blank = "data:image/svg+xml,"

    def described(_, alt, caption=""):
        return drawing.Picture(blank, alt, 960, caption)

    return mock.patch.object(drawing, "encode", described)
