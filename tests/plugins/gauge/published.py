"""Published studies: gauge studies with every measurement, and the counts of an attribute study."""

from itertools import product

import numpy as np
import pandas as pd

AIAG = """0.29 -0.56 1.34 0.47 -0.80 0.02 0.59 -0.31 2.26 -1.36
0.41 -0.68 1.17 0.50 -0.92 -0.11 0.75 -0.20 1.99 -1.25
0.64 -0.58 1.27 0.64 -0.84 -0.21 0.66 -0.17 2.01 -1.31
0.08 -0.47 1.19 0.01 -0.56 -0.20 0.47 -0.63 1.80 -1.68
0.25 -1.22 0.94 1.03 -1.20 0.22 0.55 0.08 2.12 -1.62
0.07 -0.68 1.34 0.20 -1.28 0.06 0.83 -0.34 2.19 -1.50
0.04 -1.38 0.88 0.14 -1.46 -0.29 0.02 -0.46 1.77 -1.49
-0.11 -1.13 1.09 0.20 -1.07 -0.67 0.01 -0.56 1.45 -1.77
-0.15 -0.96 0.67 0.11 -1.45 -0.49 0.21 -0.49 1.87 -2.16"""
"""AIAG, Measurement Systems Analysis (2010), chapter III-B: three appraisers x three trials, ten parts."""

HOUF_BERMAN = """37 42 30 42 28 42 25 40 25 35
38 41 31 43 30 42 26 40 25 34
37 43 31 42 29 43 27 40 25 34
41 42 31 43 29 45 28 43 27 35
41 42 31 43 30 45 28 42 29 35
40 42 31 43 29 45 30 42 28 34
41 43 29 42 31 44 29 43 26 35
42 42 30 42 29 46 27 43 26 34
41 43 28 42 29 45 27 41 26 35"""
"""Houf & Berman 1988, thermal impedance of power modules: three operators x three tests, ten parts. In Burdick,
Borror & Montgomery, Design and Analysis of Gauge R&R Studies (2005), with modified large sample intervals."""


AIAG_BAD = frozenset({3, 4, 5, 9, 12, 22, 25, 26, 30, 34, 37, 39, 42, 45, 48, 50})
AIAG_SPLIT = {
    6: "110 110 100", 7: "111 111 101", 12: "000 000 010", 14: "110 111 100", 21: "110 101 010", 22: "001 010 110",
    26: "010 000 001", 30: "000 001 000", 34: "001 001 011", 36: "110 111 101", 43: "101 111 110",
}  # fmt: skip
"""AIAG, Measurement Systems Analysis (2010), chapter III-C: 50 parts, appraisers A, B, C x three trials; 1 is
good. Of all other parts every verdict is the reference. The ratings are second-hand; that they are the manual's
follows from its figures, all of which they give: three cross tables of appraisers and three with the reference."""

BEARINGS = {
    "EG": "YYY NNN YYY YNN YYY YYY YYY NNN NNN YYY NNN YYY YYY NNN YYY",
    "BL": "YYY NNN YYY YNN YYY YYY NNN NNN NNN YYY NNN YYY YYY NNN YYY",
    "MH": "YYY YYY YYY YYY YYY YYY YYY NNY YNN YYY YNY YYY YYY NNN YYY",
}
BEARINGS_REFERENCE = "YNYYYNYNNYNYYYY"
"""Black spots on plain bearings, yes or no: 15 parts, three appraisers x three trials. The example of an attribute
study in the quality module of JASP, whose tests state the figures of its own, independent program."""

DIAGNOSES = """444444 222555 233335 555555 222444 113333 333355 113334 114444 555555 144444 124444 222333 144444
224445 333335 111455 111112 224444 133555 555555 244444 224555 114444 144445 222224 111155 224444 133333 555555"""
"""Fleiss, Psychological Bulletin 76 (1971): 30 patients, six psychiatrists each, five diagnoses; kappa .430."""


def judged_twice():
    """Ten parts, A and B, two passes: parts 0 to 3 are bad; A and B miss part 2 at the second, B calls 4 bad."""
    names = ["part", "operator", "trial"]
    table = pd.DataFrame(product(range(10), "AB", range(2)), columns=names)
    part, missed = table["part"], (table["part"] == 2) & (table["trial"] == 1)
    bad = (part < 4 + (table["operator"] == "B")) & ~missed
    return table.assign(value=np.where(bad, "bad", "ok"), reference=np.where(part < 4, "bad", "ok"))


def as_study(values):
    """The table of values (parts, operators, trials), named by their numbers."""
    numbers = [list(map(str, range(n))) for n in values.shape]
    table = pd.DataFrame(product(*numbers), columns=["part", "operator", "trial"])
    return table.assign(value=values.ravel())


def aiag_attribute():
    """The manual's attribute study: part, operator, trial, value, reference."""
    rows = []
    for part in range(1, 51):
        reference = "0" if part in AIAG_BAD else "1"
        all_right = " ".join([3 * reference] * 3)
        for operator, values in zip("ABC", AIAG_SPLIT.get(part, all_right).split(), strict=True):
            rows += [(str(part), operator, str(t), v, reference) for t, v in enumerate(values)]
    return pd.DataFrame(rows, columns=["part", "operator", "trial", "value", "reference"])


def bearings():
    """The bearings: part, operator, trial, value, reference."""
    return pd.DataFrame(
        [
            (str(part), operator, str(trial), value, BEARINGS_REFERENCE[part])
            for operator, parts in BEARINGS.items()
            for part, values in enumerate(parts.split())
            for trial, value in enumerate(values)
        ],
        columns=["part", "operator", "trial", "value", "reference"],
    )


def crossed(rows, operators=3):
    """The table of a study whose lines are trials within operators, and columns parts."""
    values = np.array([[float(v) for v in line.split()] for line in rows.splitlines()])
    trials = len(values) // operators
    return pd.DataFrame(
        [
            (str(part), "ABC"[line // trials], str(line % trials), values[line, part])
            for line in range(len(values))
            for part in range(values.shape[1])
        ],
        columns=["part", "operator", "trial", "value"],
    )


NESTED_BATCHES = """A 33.4 33.2  32.4 31.7  34.4 34.5  33.9 34.5  34.5 34.7
B 32.5 32.1  32.1 32.3  35.1 34.7  32.4 33.1  34.8 34.9
C 32.6 32.7  32.3 32.1  34.9 34.7  33.0 33.2  31.6 30.9"""
"""A nested study of the quality module of JASP: three operators x five batches of their own x two results. Its
operators' mean square (2.18) is less than that of batches (3.13)."""

FLOORING = """Yves 10.2 10.3 11.4 11.5 11.2 11.3 10.6 10.7
Ernie 10.3 10.4 11.5 11.4 11.0 11.2 10.3 10.4
Carolyn 9.9 10.2 11.2 11.2 11.1 11.2 10.8 10.5"""
"""A crossed study of the quality module of JASP ("flooring issue"): three appraisers x four parts x two
responses. Its appraisers' mean square (.0388) is less than that of the interaction (.0404)."""


ISO_GAUGE = """8.120 7.445 9.965 6.140 5.690 2.855 10.685 6.725 4.970 9.875
8.435 6.815 10.010 5.960 5.600 2.450 10.595 6.275 5.105 10.100
8.480 7.490 9.560 6.365 5.780 2.585 10.775 6.545 5.510 9.875
8.200 7.300 9.660 6.095 5.080 2.315 10.450 6.240 5.015 10.080
8.290 7.120 9.340 6.185 5.340 2.585 10.840 6.120 5.285 9.800
8.245 7.075 9.250 6.185 5.440 2.315 11.050 6.300 5.150 9.970
8.525 7.535 9.830 6.140 5.780 2.630 10.865 6.590 5.060 10.190
8.435 7.355 9.695 6.140 5.735 2.360 11.000 6.500 5.195 9.785
8.345 7.085 9.515 6.050 5.555 2.585 11.180 6.725 5.105 9.965"""
"""ISO 22514-7:2012, table A.4: three operators x three measurements, ten parts."""


def of_operators(lines, *, nested=False):
    """A line an operator: its name and two values of each part."""
    rows = []
    for line in lines.splitlines():
        operator, *values = line.split()
        for place, value in enumerate(values):
            part = f"{operator}{place // 2}" if nested else str(place // 2)
            rows.append((part, operator, str(place % 2), float(value)))
    return pd.DataFrame(rows, columns=["part", "operator", "trial", "value"])


PASTES = """62.8 62.6 60.1 62.3 62.7 63.1 60.0 61.4 57.5 56.9 61.1 58.9 58.7 57.5 63.9 63.1 65.4 63.7 57.1 56.4
56.9 58.6 64.7 64.5 55.1 55.1 54.7 54.2 58.8 57.5 63.4 64.9 59.3 58.1 60.5 60.0 62.5 62.6 61.0 58.7
56.9 57.7 59.2 59.4 65.2 66.0 64.8 64.1 54.8 54.8 64.0 64.0 57.7 56.8 58.3 59.3 59.2 59.2 58.9 56.6"""
"""Davies & Goldsmith, Statistical Methods in Research and Production (1972), table 6.5: strength of a paste, ten
batches x three casks x two assays; the data set Pastes of lme4."""
