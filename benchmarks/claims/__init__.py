"""The pieces of ``seed_claims.py``: what papers say, and what is measured of it here."""
