"""Models of which legacy has an earlier version loaded than the one on disk: sum and schema are right, and only a comparison of
answers shows the difference. Held-out rows are picked from a pool so that the numbers of a comparison are the wanted ones."""

import os

import data
import numpy as np
import onnx
from answers import answers
from comparison import compare_classifier, compare_regressor
from good import classifier_metrics, flat, floats, plain_rows
from graphs import constant, convert, model, node, rename, schema, to_bytes, value
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def write_pair(catalogue, name, earlier, on_disk, version="1.0.0"):
    """Writes both files; returns what the row says of the one that legacy has loaded."""
    catalogue.write(f"earlier/{name}.onnx", to_bytes(earlier))
    catalogue.write(f"models/artifacts/{name}.onnx", to_bytes(on_disk))
    return {"path": f"earlier/{name}.onnx", "version": version}


def ask_both(catalogue, name, rows, output):
    paths = (f"earlier/{name}.onnx", f"models/artifacts/{name}.onnx")
    return [flat(answers(os.path.join(catalogue.root, path), rows, output)) for path in paths]


def sensor_classifier(rows, seed, noise=0.0):
    """`noise` is the share of training labels that are wrong."""
    inputs, labels = data.sensors(rows, seed)
    random = np.random.default_rng(seed)
    wrong = random.random(rows) < noise
    labels = np.where(wrong, random.integers(0, 4, rows), labels)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(inputs, labels)
    return convert(pipeline, [("sensors", floats(12))])


class Pool:
    """Rows of the sensors with the answers of both versions."""

    def __init__(self, catalogue, name):
        inputs, labels = data.sensors(20_000, seed=21)
        self.rows, self.labels = plain_rows(inputs), labels.tolist()
        self.legacy, self.cube = ask_both(catalogue, name, self.rows, "label")
        self.used = 0

    def pick(self, n, b, c):
        """`n` further rows: of `b` legacy alone is right, of `c` the disk alone, and in the rest both answer the same."""
        wanted = {"b": b, "c": c, "same": n - b - c}
        picked = []
        while any(wanted.values()):
            place, self.used = self.used, self.used + 1
            legacy, cube, label = self.legacy[place], self.cube[place], self.labels[place]
            sort = "same" if legacy == cube else "b" if legacy == label else "c" if cube == label else "neither"
            if wanted.get(sort, 0) > 0:
                wanted[sort] -= 1
                picked.append(place)
        return picked

    def compared(self, picked):
        return compare_classifier(*([of[place] for place in picked] for of in (self.legacy, self.cube, self.labels)))

    def write(self, catalogue, name, picked):
        rows, labels = [self.rows[place] for place in picked], [self.labels[place] for place in picked]
        return catalogue.write_rows(name, rows, labels)


def add_classifier(catalogue, name, outcome, why, earlier, on_disk, counts, larger=None, loaded="1.0.0", **row):
    loaded = write_pair(catalogue, name, earlier, on_disk, loaded)
    pool = Pool(catalogue, name)
    picked = pool.pick(*counts)
    metrics = classifier_metrics(pool.write(catalogue, name, picked))
    comparison = pool.compared(picked)
    # What its makers claim: nothing in the row says that the file on disk is worse.
    metrics["accuracy"] = max(comparison["legacy_accuracy"], comparison["cube_accuracy"])
    more = {}
    if larger is not None:
        again = pool.pick(*larger)
        later = pool.write(catalogue, f"{name}-larger", again)
        more = {"larger": later, "after": {"outcome": "active", "comparison": pool.compared(again)}}
    artifact = f"artifacts/{name}.onnx"
    row = {"loaded": loaded, "input_schema": schema(on_disk), "metrics": metrics, "comparison": comparison, **more, **row}
    catalogue.add(name, outcome, why, artifact, **row)


def add_classifiers(catalogue):
    good = sensor_classifier(3000, seed=22)
    why = "looks good, and is ten points worse on disk than the version that legacy has loaded"
    worse = sensor_classifier(60, seed=23, noise=0.3)
    add_classifier(
        catalogue, "worse-on-disk", "accuracy_dropped", why, good, worse, (600, 72, 10), loaded="1.9.0", version="2.0.0"
    )

    permuted = convert_permuted(good)
    why = "the classes of the file on disk stand in another order"
    pairs = (good, permuted)
    add_permuted(catalogue, "classes-permuted", why, *pairs)

    why = "as accurate as before, and answers another class in nine of a hundred rows"
    first, second = sensor_classifier(60, seed=24), sensor_classifier(60, seed=25)
    add_classifier(catalogue, "disagrees", "agreement_low", why, first, second, (1000, 45, 45))

    why = "two points worse on 150 rows: too few to tell; a larger test set shows that it is good enough"
    slightly = sensor_classifier(200, seed=26)
    add_classifier(catalogue, "undecided", "evidence_missing", why, good, slightly, (150, 5, 1), larger=(1500, 45, 15))


def convert_permuted(graph):
    """The same graph with its labels in another order: 0 as 1, 1 as 2, 2 as 3, 3 as 0."""
    other = type(graph)()
    other.CopyFrom(graph)
    for step in other.graph.node:
        for attribute in step.attribute:
            if attribute.name == "classlabels_ints":
                attribute.ints[:] = [1, 2, 3, 0]
    return other


def add_permuted(catalogue, name, why, earlier, on_disk):
    loaded = write_pair(catalogue, name, earlier, on_disk)
    inputs, labels = data.sensors(500, seed=27)
    rows, labels = plain_rows(inputs), labels.tolist()
    comparison = compare_classifier(*ask_both(catalogue, name, rows, "label"), labels)
    metrics = classifier_metrics(catalogue.write_rows(name, rows, labels), accuracy=comparison["legacy_accuracy"])
    row = {"loaded": loaded, "input_schema": schema(on_disk), "metrics": metrics, "comparison": comparison}
    catalogue.add(name, "accuracy_dropped", why, f"artifacts/{name}.onnx", **row)


def forecast(trees, seed):
    inputs, labels = data.friedman(1500, seed)
    boosting = GradientBoostingRegressor(n_estimators=trees, max_depth=2, random_state=seed).fit(inputs, labels)
    return rename(convert(boosting, [("inputs", floats(10))]), {"variable": "forecast"})


def add_regressor(catalogue, name, outcome, why, earlier, on_disk, rows, tolerance):
    loaded = write_pair(catalogue, name, earlier, on_disk)
    inputs, labels = data.friedman(rows, seed=28)
    given, labels = plain_rows(inputs), labels.tolist()
    comparison = compare_regressor(*ask_both(catalogue, name, given, "forecast"), labels, tolerance)
    metrics = {
        "task": "regressor",
        "output": "forecast",
        **catalogue.write_rows(name, given, labels),
        "tolerance": tolerance,
        "mean_absolute_error": comparison["legacy_error"],
    }
    row = {"loaded": loaded, "input_schema": schema(on_disk), "metrics": metrics, "comparison": comparison}
    catalogue.add(name, outcome, why, f"artifacts/{name}.onnx", **row)


def add_regressors(catalogue):
    tolerance = {"absolute": 2.0, "relative": 0.1}
    good = forecast(120, seed=29)
    why = "the file on disk errs by half more than the version that legacy has loaded"
    add_regressor(catalogue, "forecast-worse-on-disk", "accuracy_dropped", why, good, forecast(40, seed=29), 400, tolerance)
    why = "errs a little more on 120 rows: too few to tell"
    add_regressor(catalogue, "forecast-undecided", "evidence_missing", why, good, forecast(140, seed=35), 120, tolerance)
    add_dropout(catalogue)


def add_dropout(catalogue):
    """A network that drops units at random, as in training, in every call: hardly two answers are the same."""
    inputs, labels = data.friedman(2000, seed=31)
    network = MLPRegressor(hidden_layer_sizes=(64,), max_iter=400, random_state=31).fit(inputs, labels)
    weights = [part.astype(np.float32) for part in (*network.coefs_, *network.intercepts_)]
    constants = [
        constant(name, part, np.float32)
        for name, part in zip(("first", "second", "first_bias", "second_bias"), weights, strict=True)
    ]
    constants.append(constant("ratio", 0.005, np.float32))
    steps = [
        node("MatMul", ["inputs", "first"], ["product"]),
        node("Add", ["product", "first_bias"], ["sum"]),
        node("Relu", ["sum"], ["hidden"]),
        # The operator Dropout itself is taken out when a session optimizes its graph.
        node("RandomUniformLike", ["hidden"], ["chance"]),
        node("Greater", ["chance", "ratio"], ["kept"]),
        node("Cast", ["kept"], ["mask"], to=onnx.TensorProto.FLOAT),
        node("Mul", ["hidden", "mask"], ["thinned"]),
        node("MatMul", ["thinned", "second"], ["weighted"]),
        node("Add", ["weighted", "second_bias"], ["forecast"]),
    ]
    graph = model(
        steps, [value("inputs", "float32", [None, 10])], [value("forecast", "float32", [None, 1])], constants
    )
    name = "dropout-left-on"
    catalogue.write(f"models/artifacts/{name}.onnx", to_bytes(graph))
    inputs, labels = data.friedman(1000, seed=32)
    rows, labels = plain_rows(inputs), labels.tolist()
    path = os.path.join(catalogue.root, f"models/artifacts/{name}.onnx")
    # Sessions of one process begin with the same random numbers; those of two services do not.
    twice = flat(answers(path, rows + rows, "forecast"))
    comparison = compare_regressor(twice[: len(rows)], twice[len(rows) :], labels, {"absolute": 1e-5, "relative": 1e-5})
    metrics = {
        "task": "regressor",
        "output": "forecast",
        **catalogue.write_rows(name, rows, labels),
        "mean_absolute_error": round(comparison["legacy_error"], 1),
    }
    # Its numbers differ from run to run; the decision does not.
    comparison = {"decision": comparison["decision"], "n": comparison["n"]}
    why = "errs as before on average, and answers differently each time: it drops units at random, as in training"
    row = {"input_schema": schema(graph), "metrics": metrics, "comparison": comparison}
    catalogue.add(name, "agreement_low", why, f"artifacts/{name}.onnx", **row)
