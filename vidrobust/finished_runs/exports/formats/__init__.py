"""The formats of ``vidrobust export``, a file each: its name is the format's, and it holds the FORMAT record."""

from __future__ import annotations

import pkgutil

# Of these files, none of which is imported for it.
NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))
