"""AlexNet on ImageNet-C and ImageNet-P: what corruption errors and flip rates are divided by."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vidrobust.plugins.published.authors import stated

_ALEXNET = stated("alexnet")
CLEAN_ERROR: float = _ALEXNET["clean_error"]
ERRORS: Mapping[str, tuple[float, ...]] = MappingProxyType(_ALEXNET["errors"])
# Means over the five severities: all that CE needs.
EXTRA_ERRORS: Mapping[str, float] = MappingProxyType(_ALEXNET["extra_errors"])
FLIP_PROBABILITIES: Mapping[str, float] = MappingProxyType(_ALEXNET["flip_probabilities"])
