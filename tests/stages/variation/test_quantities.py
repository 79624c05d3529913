"""Every quantity that is measured has a unit and a name in words."""

from __future__ import annotations

from vidrobust.stages.variation.quantities import QUANTITIES, title_of
from vidrobust.stages.variation.summary import QUANTITIES as SPREAD


def test_every_quantity_is_named_and_named_once() -> None:
    titles = [each.title for each in QUANTITIES.values()]
    assert len(set(titles)) == len(titles)
    assert set(SPREAD) <= set(QUANTITIES)
    assert title_of("hue_deg") == "hue"
    assert title_of("a_new_one") == "a_new_one"
