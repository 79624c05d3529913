"""What scores and events are called in words; no torch here."""

from __future__ import annotations

FLIP, ERROR = "flip", "error"
# What happens at a frame.
EVENTS = {FLIP: "changes its answer", ERROR: "is answered wrongly"}
NEIGHBOURS, MAHALANOBIS, ENERGY, SURE = "neighbours", "mahalanobis", "energy", "max_softmax"
ODIN, ROTATION = "odin", "rotation"
# In the order in which one is taken to speak for all: the first that can be had. It is fixed before any
# footage is looked at, so that no score is chosen by its result.
TITLES = {
    NEIGHBOURS: "distance to the nearest known frames",
    MAHALANOBIS: "Mahalanobis distance",
    ENERGY: "energy",
    SURE: "largest probability",
    ODIN: "ODIN",
    ROTATION: "which way up",
}
SOURCES = {
    NEIGHBOURS: "Sun et al. 2022",
    MAHALANOBIS: "Lee et al. 2018",
    ENERGY: "Liu et al. 2020",
    SURE: "Hendrycks & Gimpel 2017",
    ODIN: "Liang et al. 2018",
    ROTATION: "Golan & El-Yaniv 2018, Hendrycks et al. 2019",
}
