"""The bar of page one: what is named is sure, whatever else has a share."""

from __future__ import annotations

import pandas as pd

from vidrobust.stages.causes.section import _bar


def test_only_what_is_named_is_sure() -> None:
    # the noise has an interval above 0, and no name
    rows = [
        ("light", 0.78, 0.5, 1.0),
        ("noise_and_coding", 0.24, 0.005, 0.45),
        ("unexplained", 0.03, 0.0, 0.1),
    ]
    account = pd.DataFrame(rows, columns=["cause", "share", "low", "high"]).assign(n=24, clusters=7)
    bar = _bar("net", "the change", account, {"light"})
    assert [(part.share, part.sure) for part in bar.parts] == [
        ("78 %", True),
        ("24 %", False),
        ("3 %", True),
    ]
    assert bar.said
    more = _bar("net", "the change", account.assign(high=[1.2, 0.45, 0.1]), {"light"})
    assert more.said.startswith(bar.said)  # a note on what is above 100 % is added
    assert len(more.said) > len(bar.said)
