"""Repeatability, comparison, gates and control charts: tables and metrics in, verdicts out. No video here."""
