"""The larger model: an echo state network. It reads a digit as sixteen steps of four pixels through a thousand recurrent units
with fixed random weights; scikit-learn fits the readout. A batch costs much less a row than single rows do, since one row makes
the runtime read the four megabytes of weights fifteen times."""

import numpy as np
from graphs import constant, model, node, value
from sklearn.linear_model import RidgeClassifier

UNITS = 1000
STEPS = 16
WIDTH = 64 // STEPS
READ_AT = range(STEPS // 4 - 1, STEPS, STEPS // 4)


def weights():
    random = np.random.default_rng(5)
    recurrent = random.standard_normal((UNITS, UNITS)) * 0.8 / np.sqrt(UNITS)
    drive = random.uniform(-1, 1, (WIDTH, UNITS)) / 16
    bias = random.uniform(-0.3, 0.3, UNITS) - 8 * drive.sum(axis=0)
    return tuple(part.astype(np.float32) for part in (recurrent, drive, bias))


def states(inputs, recurrent, drive, bias):
    state = np.zeros((len(inputs), UNITS), np.float32)
    seen = []
    for step in range(STEPS):
        state = np.tanh(inputs[:, step * WIDTH : (step + 1) * WIDTH] @ drive + state @ recurrent + bias)
        seen.append(state)
    return np.hstack([seen[step] for step in READ_AT])


def train(inputs, labels):
    """The graph, and the names of its recurrent steps, which an int8 form is made of."""
    parts = weights()
    readout = RidgeClassifier(alpha=10).fit(states(inputs, *parts), labels)
    recurrent, drive, bias = parts
    steps = [
        node("Reshape", ["pixels", "by_step"], ["sequence"]),
        node("MatMul", ["sequence", "drive_weights"], ["driven"]),
        node("Add", ["driven", "bias"], ["inputs"]),
        node("Split", ["inputs", "ones"], [f"input{step}" for step in range(STEPS)], axis=1),
    ]
    recurrences = []
    for step in range(STEPS):
        steps.append(node("Squeeze", [f"input{step}", "step_axis"], [f"sum{step}"]))
        total = f"sum{step}"
        if step > 0:
            recurrences.append(node("MatMul", [f"state{step - 1}", "recurrent_weights"], [f"echo{step}"]))
            total = f"total{step}"
            steps += [recurrences[-1], node("Add", [f"sum{step}", f"echo{step}"], [total])]
        steps.append(node("Tanh", [total], [f"state{step}"]))
    steps += [
        node("Concat", [f"state{step}" for step in READ_AT], ["states"], axis=1),
        node("MatMul", ["states", "readout"], ["weighted"]),
        node("Add", ["weighted", "intercept"], ["scores"]),
        node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
    ]
    constants = [
        constant("recurrent_weights", recurrent, np.float32),
        constant("drive_weights", drive, np.float32),
        constant("bias", bias, np.float32),
        constant("readout", readout.coef_.T, np.float32),
        constant("intercept", readout.intercept_, np.float32),
        constant("by_step", [-1, STEPS, WIDTH], np.int64),
        constant("step_axis", [1], np.int64),
        constant("ones", [1] * STEPS, np.int64),
    ]
    inputs = [value("pixels", "float32", [None, 64])]
    outputs = [value("label", "int64", [None]), value("scores", "float32", [None, 10])]
    return model(steps, inputs, outputs, constants), [step.name for step in recurrences]
