"""Names of the formats of ``vidrobust export``: those of the files in ``formats/``, of which none is imported."""

from __future__ import annotations

import pkgutil

from vidrobust.finished_runs.exports import formats

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(formats.__path__)))
