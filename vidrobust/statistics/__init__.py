"""Intervals, rates, resampling and associations: arrays in, numbers out. No torch here."""
