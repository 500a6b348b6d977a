"""Data sets: what scikit-learn ships, and what is generated from a fixed seed. Numbers are rounded as they are written down."""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_friedman1

DEPARTMENTS = ["내과", "안과", "외과", "정형외과", "치과", "피부과"]


def split(inputs, labels, train_rows, seed):
    """Shuffled; the rows after `train_rows` are held out. Returns train inputs and labels, then held-out ones."""
    order = np.random.default_rng(seed).permutation(len(inputs))
    train, test = order[:train_rows], order[train_rows:]
    return inputs[train], labels[train], inputs[test], labels[test]


def digits():
    inputs, labels = load_digits(return_X_y=True)
    return split(inputs.astype(np.float32), labels.astype(np.int64), 997, seed=1)


def tumours():
    inputs, labels = load_breast_cancer(return_X_y=True)
    return split(inputs.astype(np.float32), labels.astype(np.int64), 169, seed=2)


def wines():
    inputs, labels = load_wine(return_X_y=True)
    return split(inputs.astype(np.float32), labels.astype(np.int64), 78, seed=3)


def friedman(rows, seed):
    """Friedman's regression problem: ten inputs, five of which matter, and noise."""
    inputs, labels = make_friedman1(n_samples=rows, n_features=10, noise=1.0, random_state=seed)
    return np.round(inputs, 4).astype(np.float32), np.round(labels, 4)


# Twelve sensors in their own units: mean and spread.
UNITS = [(100, 9), (20, 6), (1.2, 0.4), (0.8, 0.2), (240, 35), (55, 15)] * 2


def sensors(rows, seed):
    """States of a machine, 0 to 3, by twelve sensors."""
    random = np.random.default_rng(seed)
    # The four states are the same whatever rows are drawn.
    centres = np.random.default_rng(40).normal(0, 1.15, (4, len(UNITS)))
    labels = random.integers(0, 4, rows)
    scaled = centres[labels] + random.normal(0, 1.0, (rows, len(UNITS)))
    mean, spread = np.array(UNITS).T
    raw = mean + spread * scaled
    return np.round(raw, 3).astype(np.float32), labels.astype(np.int64)


def visits(rows, seed):
    """Booked visits to a clinic, and whether the patient stayed away: columns of six types."""
    random = np.random.default_rng(seed)
    columns = {
        "age": np.round(random.uniform(1, 95, rows), 1).astype(np.float32),
        "distance_km": np.round(random.gamma(2, 4, rows), 3).astype(np.float64),
        "previous_visits": random.poisson(5, rows).astype(np.int64),
        "days_ahead": random.integers(0, 60, rows).astype(np.int32),
        "reminded": random.random(rows) < 0.5,
        "department": random.choice(DEPARTMENTS, rows),
        "weather": np.round(random.normal([12, 2, 60], [10, 3, 20], (rows, 3)), 1).astype(np.float32),
    }
    weight = np.array([0.2, -0.6, 0.9, -0.4, 0.7, 0.0])[np.searchsorted(DEPARTMENTS, columns["department"])]
    score = (
        -0.5
        + 0.05 * (columns["days_ahead"] - 20)
        + 0.10 * (columns["distance_km"] - 8)
        - 0.25 * (columns["previous_visits"] - 5)
        - 1.6 * columns["reminded"]
        - 0.02 * (columns["age"] - 45)
        + 0.15 * columns["weather"][:, 1]
        + weight
    )
    return columns, random.random(rows) < 1 / (1 + np.exp(-2 * score))
