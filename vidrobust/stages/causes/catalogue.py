"""Every cause of the account, in the order of the chain and of the report. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from vidrobust.stages.causes.cause import Cause
from vidrobust.stages.causes.known.came_into_view import CAME_INTO_VIEW
from vidrobust.stages.causes.known.camera import CAMERA
from vidrobust.stages.causes.known.colour import COLOUR
from vidrobust.stages.causes.known.keyframes import KEYFRAMES as KEYFRAMES_RECORD
from vidrobust.stages.causes.known.light import LIGHT
from vidrobust.stages.causes.known.local_light import LOCAL_LIGHT
from vidrobust.stages.causes.known.noise_and_coding import NOISE_AND_CODING
from vidrobust.stages.causes.known.objects import OBJECTS
from vidrobust.stages.causes.known.sharpness import SHARPNESS
from vidrobust.stages.causes.known.unexplained import UNEXPLAINED as UNEXPLAINED_RECORD

CATALOGUE: Mapping[str, Cause] = {
    cause.name: cause
    for cause in (
        LIGHT,
        LOCAL_LIGHT,
        COLOUR,
        CAMERA,
        OBJECTS,
        CAME_INTO_VIEW,
        SHARPNESS,
        KEYFRAMES_RECORD,
        NOISE_AND_CODING,
        UNEXPLAINED_RECORD,
    )
}
ACCOUNT_CAUSES = tuple(CATALOGUE)
"""Names of all causes."""
REPLAYED = tuple(name for name, cause in CATALOGUE.items() if cause.replay is not None)
"""Names of those that can be replayed, in the order of the chain."""
KEYFRAMES, NOISE, UNEXPLAINED = KEYFRAMES_RECORD.name, NOISE_AND_CODING.name, UNEXPLAINED_RECORD.name
TITLES: Mapping[str, str] = {name: cause.title for name, cause in CATALOGUE.items()}
COLUMNS = tuple(dict.fromkeys(column for cause in CATALOGUE.values() for column in cause.columns))
"""Every further number that is measured of some cause."""


def together_with(cause: str) -> tuple[str, ...]:
    """The cause, and what is not there without it: without a motion nothing comes into view."""
    return (
        (cause, CAME_INTO_VIEW.name) if CATALOGUE[cause].moves and cause != CAME_INTO_VIEW.name else (cause,)
    )
