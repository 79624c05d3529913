"""The notes on pictures shown again."""

from vidrobust.plugins.corrected_footage.ask import _joined


def test_notes_tell_what_was_done_from_what_could_not_be():
    done = {"note": "the light flickers by 18 %, which is taken away", "shown": True, "same": False}
    none = {"note": "not possible: no light", "shown": False, "same": False}
    assert _joined([done]) == done["note"]
    both = _joined([none, done, none])
    assert both.index("in 1 of 3 inputs: the light") < both.index("in 2 of 3 inputs: not possible")
