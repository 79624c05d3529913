"""Names of the tables that a unit of the stage stability writes: those of classifiers, and those of detectors."""

UNIT_TABLES = (
    *("frames", "pairs", "triples", "probabilities"),
    *("detections", "track_steps", "tracks", "box_counts", "box_pairs"),
)
