"""What a correlation study says of one perturbation."""

from __future__ import annotations

from enum import StrEnum


class Judgement(StrEnum):
    """What the study says of one perturbation."""

    PROXY = "proxy"
    NO_EVIDENCE = "no evidence"
    CANNOT_TELL = "cannot tell"


PROXY, NO_EVIDENCE, CANNOT_TELL = Judgement
