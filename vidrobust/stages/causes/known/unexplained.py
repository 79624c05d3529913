"""What no cause holds."""

from __future__ import annotations

from vidrobust.stages.causes.cause import Cause

UNEXPLAINED = Cause(name="unexplained", title="not explained", colour="#e4e4e4")
