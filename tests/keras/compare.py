"""Comparison of two results, which refuses data that proves nothing.

Empty data, NaN or infinite values, different shapes and constant data would agree with anything or with nothing.
They are refused, so that a check can't pass on them.
"""
from collections import Counter

import numpy as np

# Number of comparisons that agreed, by check.
agreed = Counter()


class Refused(Exception):
    """Raised for results that do not agree or can't be compared."""


def compare(check, what, found, expected, tolerance, of):
    """Prints the largest difference and fails if it is above `tolerance`. `of` selects the unit of the tolerance:
    `largest`, the largest expected value; `each`, every expected value; `one`, an absolute difference, such as
    between probabilities."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    check_data(f"{check}: {what}", found, expected, tolerance)
    magnitude = np.abs(expected)
    # A value of 0 agrees only with 0.
    each = np.where(found == expected, 1.0, magnitude)
    unit = {"largest": magnitude.max(), "each": each, "one": 1.0}[of]
    difference = (np.abs(found - expected) / unit).max()
    words = {"largest": "of the largest value", "each": "of each value", "one": "at most"}[of]
    line = f"{check}: {what}: {expected.size} values differ by {difference:.1e} {words}, tolerance {tolerance:.0e}"
    # In this form, a difference that is NaN fails too.
    if not difference <= tolerance:
        raise Refused(line)
    agreed[check] += 1
    print(line, flush=True)


def require(check, what, holds):
    """Checks a condition that is not a comparison of numbers. Prints it, or fails if it does not hold."""
    if not holds:
        raise Refused(f"{check}: expected that {what}")
    agreed[check] += 1
    print(f"{check}: {what}", flush=True)


def check_data(what, found, expected, tolerance):
    if found.shape != expected.shape:
        raise Refused(f"{what}: expected the shape {expected.shape}, found {found.shape}")
    if expected.size == 0:
        raise Refused(f"{what}: there is nothing to compare")
    for whose, values in (("found", found), ("expected", expected)):
        if not np.isfinite(values).all():
            raise Refused(f"{what}: {whose} values are no numbers")
        # Data that varies by about the tolerance would agree with a constant.
        if not np.ptp(values) > 10 * tolerance * np.abs(values).max():
            raise Refused(f"{what}: {whose} values are all about {values.flat[0]:g}")


def check_compare():
    """Checks the comparison itself: the data that it must refuse, and the data that it must accept."""
    good = [0.1, 0.5, 0.9]
    refused = {
        "another value": (good, [0.1, 0.5, 0.8]),
        "nothing": ([], []),
        "no numbers": ([0.1, float("nan"), 0.9], good),
        "no expected numbers": (good, [0.1, float("inf"), 0.9]),
        "a constant": ([0.5] * 3, [0.5] * 3),
        "another shape": ([good], good),
        "a value that broadcasts": (good, [0.5]),
    }
    for what, (found, expected) in refused.items():
        for of in ("largest", "each", "one"):
            try:
                compare("compare", what, found, expected, 1e-3, of)
            except Refused:
                continue
            raise Refused(f"compare: expected that {what} is refused")
    require("compare", f"{len(refused)} kinds of data that show nothing are refused", True)
    compare("compare", "data that agrees", good, good, 1e-3, "each")
