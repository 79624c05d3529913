"""Groups of an account as ``Run`` says them: what is named is sure, whatever else has a share."""

import pandas as pd

from vidrobust.metrics.classification import CLASSIFICATION
from vidrobust.run_folder.reader import RunTables
from vidrobust.stages.causes.section import shared_out


class Tables:
    """The tables of a run that ``shared_out`` reads."""

    def __init__(self, pairs):
        self.tasks = {"net": CLASSIFICATION}
        # the noise has an interval above 0, and no name; a share below half a per cent is left out
        rows = [("light", 0.73), ("noise_and_detail", 0.24), ("camera", 0.03), ("moving", 0.001)]
        about = {"model": "net", "item": "", "level": "group", "n": pairs}
        self.made = {
            "account": pd.DataFrame(rows, columns=["cause", "share"]).assign(**about),
            "named": pd.DataFrame([{"model": "net", "level": "group", "cause": "light"}]),
        }

    def table(self, name):
        return self.made.get(name)

    rows = RunTables.rows


def of(pairs):
    (account,) = shared_out(Tables(pairs))
    return account


def test_only_what_is_named_is_sure():
    shares = {group.title: (group.share, group.sure) for group in of(24).groups}
    assert shares == {
        "light and colour": ("73 %", True),
        "noise, coding and fine detail": ("24 %", False),
        "the camera": ("3 %", False),
    }


def test_nine_pairs_are_too_few_to_share_anything_out():
    assert of(9).groups == ()
    assert "9 pairs" in of(9).said
