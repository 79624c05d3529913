"""The bar of page one: what is named is sure, whatever else has a share."""

from __future__ import annotations

import pandas as pd

from vidrobust.stages.causes.section import _bar


def test_only_what_is_named_is_sure() -> None:
    # the noise has an interval above 0, and no name
    rows = [
        ("light", 0.73, 0.5, 1.1),
        ("noise_and_detail", 0.24, 0.005, 0.45),
        ("camera", 0.03, -0.1, 0.1),
    ]
    account = pd.DataFrame(rows, columns=["cause", "share", "low", "high"]).assign(n=24)
    bar = _bar("net", "the change", account, {"light"})
    assert [(part.share, part.interval, part.sure) for part in bar.parts] == [
        ("73 %", "50, 100", True),
        ("24 %", "0.5, 45", False),
        ("3 %", "0, 10", False),
    ]
    assert sum(part.length for part in bar.parts) == 1000
