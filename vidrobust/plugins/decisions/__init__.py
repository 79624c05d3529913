"""Decisions that depend on a detector: counts at lines, dwell in zones, and alarms."""
