"""Names of the tables that a unit of the stage causes writes."""

UNIT_TABLES = ("causes", "candidate_fits", "place_causes", "place_candidate_fits")
