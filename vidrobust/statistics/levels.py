"""Confidence levels and minimum counts of the whole package, each with its reason."""

from __future__ import annotations

LEVEL = 0.95  # confidence of every interval
ALPHA = 0.05  # largest p-value at which a single question is decided
# Largest q-value at which a row of a family is called: the expected share of false calls among all calls.
FALSE_DISCOVERY = 0.05

# With nine rows none of which is an event, the exact interval of the rate still reaches to 34 %.
# Frames or pairs of frames below which no rate is stated and no verdict is given.
FEWEST_ROWS = 10

# With four clusters Student's t has three degrees of freedom: 1.6 times the width of the normal's interval.
# Clips or parts from which on they are the clusters; below, footage is cut into stretches.
FEWEST_CLUSTERS = 5

# Two of the 2^5 patterns of five signs are 6.25 % of them, so that five clusters decide nothing at 5 %.
# Clusters that differ, below which a two-sided sign-flip test cannot reach ``ALPHA``.
FEWEST_TESTED = 6

FEWEST_LEFT_OUT = 3  # units below which leaving one out gives no usable spread

# The simulated worlds in benchmarks/results/correlation.json.
# Clusters below which a correlation, or a response to strength, gets no verdict.
FEWEST_CORRELATED = 8

# events, such as lasting changes, below which nothing is said of how they are distributed
FEWEST_EVENTS = 5
