"""What a comparison of two models says. Written apart from the engine, in other formulas, so that one judges the other."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm, t

LIMIT = 0.05
Z = norm.ppf(0.975)


def upper_bound(n, b, c):
    """Upper end of Tango's (1998) two-sided 95 % score interval for the difference (b - c) / n of paired proportions.

    The likelihood of the nuisance parameter q (the probability of c) under a difference is maximised by the root of its
    derivative, not by Tango's quadratic formula. `b` and `c` need not be whole.
    """
    if b == n:
        return 1.0

    def slope(q, difference):
        rest = n - b - c
        agreeing = 1 - 2 * q - difference
        if rest > 0 and agreeing <= 0:
            return -math.inf
        gain = (b / (q + difference) if b > 0 else 0.0) + (c / q if c > 0 else 0.0)
        return gain - (2 * rest / agreeing if rest > 0 else 0.0)

    def likeliest(difference):
        low, high = max(0.0, -difference), (1 - difference) / 2
        width = high - low
        first, last = low + 1e-14 * width, high - 1e-14 * width
        if slope(first, difference) <= 0:
            return low
        if slope(last, difference) >= 0:
            return high
        return brentq(slope, first, last, args=(difference,), xtol=1e-16, rtol=1e-14)

    def excess(difference):
        q = likeliest(difference)
        variance = n * (2 * q + difference - difference * difference)
        distance = n * difference - (b - c)
        # (distance / standard error) - Z without a division: the variance is 0 where the difference is 1.
        return distance - Z * math.sqrt(max(variance, 0.0))

    observed = (b - c) / n
    return brentq(excess, observed + 1e-12, 1 - 1e-12, xtol=1e-14, rtol=1e-14)


def rows_needed(n, b, c):
    """How many rows would bring the bound below the limit at the observed rates; None where no number would."""
    if (b - c) / n >= LIMIT:
        return None

    def passes(rows):
        return upper_bound(rows, b * rows / n, c * rows / n) < LIMIT

    high = n
    while not passes(high):
        high *= 2
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if passes(middle) else (middle, high)
    return high


def close(cube, legacy, tolerance):
    """Row by row: equal within the tolerance, of which one part met is enough."""
    difference = np.abs(cube - legacy)
    return (difference <= tolerance["absolute"]) | (difference <= tolerance["relative"] * np.abs(legacy))


def compare_classifier(legacy, cube, labels):
    """The decision on two lists of answers to the same rows, and the numbers that it rests on."""
    legacy_right = np.array([answer == label for answer, label in zip(legacy, labels)])
    cube_right = np.array([answer == label for answer, label in zip(cube, labels)])
    n = len(labels)
    b = int(np.sum(legacy_right & ~cube_right))
    c = int(np.sum(~legacy_right & cube_right))
    agreement = float(np.mean([left == right for left, right in zip(legacy, cube)]))
    bound = upper_bound(n, b, c)
    if bound >= LIMIT:
        decision = "accuracy_dropped" if (b - c) / n >= LIMIT else "evidence_missing"
    else:
        decision = "agreement_low" if agreement < 0.95 else "active"
    return {
        "decision": decision,
        "n": n,
        "b": b,
        "c": c,
        "difference": (b - c) / n,
        "bound": bound,
        "rows_needed": rows_needed(n, b, c) if decision == "evidence_missing" else None,
        "legacy_accuracy": float(np.mean(legacy_right)),
        "cube_accuracy": float(np.mean(cube_right)),
        "agreement": agreement,
    }


def compare_regressor(legacy, cube, labels, tolerance):
    """As for classifiers, with errors instead of right and wrong."""
    legacy, cube, labels = (np.asarray(values, np.float64) for values in (legacy, cube, labels))
    n = len(labels)
    legacy_error = float(np.mean(np.abs(legacy - labels)))
    cube_error = float(np.mean(np.abs(cube - labels)))
    agreement = float(np.mean(close(cube, legacy, tolerance)))
    more = np.abs(cube - labels) - np.abs(legacy - labels)
    if legacy_error == 0:
        share = bound = None
        decision = "active" if np.all(close(cube, legacy, tolerance)) else "accuracy_dropped"
    else:
        share = float(np.mean(more)) / legacy_error
        bound = share + float(t.ppf(0.975, n - 1) * np.std(more, ddof=1) / math.sqrt(n)) / legacy_error
        if n < 100 or bound >= LIMIT:
            decision = "accuracy_dropped" if share >= LIMIT else "evidence_missing"
        else:
            decision = "agreement_low" if agreement < 0.95 else "active"
    return {
        "decision": decision,
        "n": n,
        "difference": share,
        "bound": bound,
        "legacy_error": legacy_error,
        "cube_error": cube_error,
        "agreement": agreement,
    }


def bounds_table():
    """Lines `n,b,c,upper bound` for n = 73 to 300: corners, both sides of the limit, and pairs drawn from a fixed seed."""
    random = np.random.default_rng(19)
    lines = ["n,b,c,upper"]
    for n in range(73, 301):
        pairs = {(0, 0), (1, 0), (0, 1), (1, 1), (n, 0), (0, n), (n // 2, n - n // 2)}
        for c in (0, 2, 5):
            b = 0
            while upper_bound(n, b, c) < LIMIT:
                b += 1
            pairs |= {(b, c), (max(b - 1, 0), c)}
        for _ in range(3):
            b = int(random.integers(0, n + 1))
            pairs.add((b, int(random.integers(0, n - b + 1))))
        lines += [f"{n},{b},{c},{upper_bound(n, b, c):.10f}" for b, c in sorted(pairs)]
    return "\n".join(lines) + "\n"
