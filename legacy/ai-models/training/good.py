"""The models that go over: each of another kind. Every `add_…` trains one, writes its files and enters its row."""

import os
import tempfile

import data
import korean
import numpy as np
import onnx
import reservoir
from answers import answers
from comparison import compare_classifier, compare_regressor
from graphs import constant, convert, joined, model, node, rename, schema, to_bytes, value
from int8 import int8_form
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DEFAULT_TOLERANCE = {"absolute": 1e-5, "relative": 1e-5}


def floats(width, rows=None):
    return FloatTensorType([rows, width])


def plain_rows(inputs):
    """float32 in the shortest digits that read back as the same float32."""
    return [[float(str(number)) for number in row] for row in inputs]


def add_float(catalogue, name, graph, rows, labels, metrics, why, **row):
    """Writes the artifact and enters the row of a model that is the same on both sides; returns its answers."""
    artifact = row.pop("artifact", f"artifacts/{name}.onnx")
    if not os.path.exists(os.path.join(catalogue.root, "models", artifact)):
        catalogue.write(f"models/{artifact}", to_bytes(graph))
    found = flat(answers(os.path.join(catalogue.root, "models", artifact), rows, metrics["output"]))
    tolerance = metrics.get("tolerance", DEFAULT_TOLERANCE)
    if metrics["task"] == "classifier":
        comparison = compare_classifier(found, found, labels)
        metrics["accuracy"] = comparison["legacy_accuracy"]
    else:
        comparison = compare_regressor(found, found, labels, tolerance)
        metrics["mean_absolute_error"] = comparison["legacy_error"]
    row.setdefault("input_schema", schema(graph))
    catalogue.add(name, "active", why, artifact, metrics=metrics, comparison=comparison, **row)
    return found


def flat(values):
    return [found[0] if isinstance(found, list) and len(found) == 1 else found for found in values]


def classifier_metrics(test_set, output="label", **more):
    return {"task": "classifier", "output": output, **test_set, **more}


def add_int8(catalogue, name, content, outcome, why, found, rows, labels):
    """Enters the int8 form of the row just added: its file, and how it compares with the float form."""
    path = f"artifacts/{name}.int8.onnx"
    sha256 = catalogue.write(f"models/{path}", to_bytes(content))
    row = catalogue.models[-1]["row"]
    row["metrics"]["int8"] = {"artifact_path": path, "sha256": sha256}
    quantised = flat(answers(os.path.join(catalogue.root, "models", path), rows, row["metrics"]["output"]))
    comparison = compare_classifier(found, quantised, labels)
    catalogue.expected[name]["int8"] = {"outcome": outcome, "why": why, "comparison": comparison}


def add_digits(catalogue):
    """The larger model and its int8 form, which stays as accurate."""
    train, train_labels, test, test_labels = data.digits()
    graph, recurrences = reservoir.train(train, train_labels)
    rows, labels = [[int(pixel) for pixel in row] for row in test], test_labels.tolist()
    test_set = catalogue.write_rows("digits", rows, labels)
    # The scores of the int8 form differ by up to 0.04; users must not see a difference where the label is the same.
    metrics = classifier_metrics(test_set, tolerance={"absolute": 0.05, "relative": 1e-5})
    why = "the larger model: a batch of 256 takes tens of milliseconds of one core"
    found = add_float(catalogue, "digits-reservoir", graph, rows, labels, metrics, why, version="3.1.0")
    form = int8_form(graph, "pixels", train, recurrences)
    why = "as accurate as the float form; active once it is found to be faster"
    add_int8(catalogue, "digits-reservoir", form, "active", why, found, rows, labels)
    add_external(catalogue, train, train_labels, rows, labels, test_set)


def add_external(catalogue, train, train_labels, rows, labels, test_set):
    """A network whose weights are files of their own, in a folder next to the graph."""
    network = MLPClassifier(hidden_layer_sizes=(32,), max_iter=300, random_state=6).fit(train / 16, train_labels)
    # The pixels are scaled in the first layer.
    network.coefs_[0] = network.coefs_[0] / 16
    graph = rename(convert(network, [("pixels", floats(64))]), {"probabilities": "scores"})
    for tensor in graph.graph.initializer:
        if not tensor.HasField("raw_data") and tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(constant(tensor.name, onnx.numpy_helper.to_array(tensor), np.float32))
    weights = [tensor for tensor in graph.graph.initializer if len(tensor.raw_data) >= 1024]
    for place, tensor in enumerate(weights):
        location = f"digits-external/layer-{place}.bin"
        catalogue.write(f"models/artifacts/{location}", tensor.raw_data)
        onnx.external_data_helper.set_external_data(tensor, location)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
    catalogue.write("models/artifacts/digits-external.onnx", graph.SerializeToString(deterministic=True))
    why = "weights lie in files next to the graph and move with it"
    add_float(catalogue, "digits-external", graph, rows, labels, classifier_metrics(test_set), why)


def add_tumours(catalogue):
    train, train_labels, test, test_labels = data.tumours()
    forest = RandomForestClassifier(60, max_depth=6, random_state=7).fit(train, train_labels)
    graph = convert(forest, [("measurements", floats(30))])
    rows, labels = [{"measurements": row} for row in plain_rows(test)], test_labels.tolist()
    metrics = classifier_metrics(catalogue.write_rows("tumours", rows, labels))
    add_float(catalogue, "tumour-forest", graph, rows, labels, metrics, "a classifier of trees", version="2024-03")


def add_friedman(catalogue):
    train, train_labels = data.friedman(2000, seed=8)
    test, test_labels = data.friedman(1000, seed=9)
    trees = GradientBoostingRegressor(n_estimators=150, random_state=8).fit(train, train_labels)
    graph = rename(convert(trees, [("inputs", floats(10))]), {"variable": "forecast"})
    rows, labels = plain_rows(test), test_labels.tolist()
    metrics = {"task": "regressor", "output": "forecast", **catalogue.write_rows("friedman", rows, labels)}
    add_float(catalogue, "friedman-boosting", graph, rows, labels, metrics, "a regressor; its output is [N,1]")


def text_model(texts, labels, vectorizer, shape):
    pipeline = make_pipeline(vectorizer, LogisticRegression(C=5, max_iter=500)).fit(texts, labels)
    graph = convert(pipeline, [("text", StringTensorType([None, 1]))])
    if len(shape) == 1:
        column = model(
            [node("Reshape", ["texts", "as_column"], ["column"])],
            [value("texts", "string", shape)],
            [value("column", "string", [None, 1])],
            [constant("as_column", [-1, 1], np.int64)],
        )
        graph = rename(joined(column, graph, [("column", "text")]), {"texts": "text"})
    return graph


def add_korean(catalogue):
    """Two classifiers of Korean text: by pairs of characters, with the bare text as a row, and by words, with [N,1]."""
    texts, labels = korean.documents(1500, seed=10)
    by_character = TfidfVectorizer(analyzer="char", ngram_range=(2, 2), lowercase=False, max_features=1500)
    graph = text_model(texts, labels, by_character, [None])
    rows, labels = korean.documents(600, seed=11)
    metrics = classifier_metrics(catalogue.write_rows("documents", rows, labels))
    why = "a classifier of Korean documents"
    add_float(catalogue, "korean-documents", graph, rows, labels, metrics, why, version="문서 1.2")

    texts, labels = korean.reviews(1500, seed=12)
    by_word = TfidfVectorizer(token_pattern="[^ .]+", lowercase=False)
    graph = text_model(texts, labels, by_word, [None, 1])
    rows, labels = korean.reviews(500, seed=13)
    rows = [[text] for text in rows]
    metrics = classifier_metrics(catalogue.write_rows("reviews", rows, labels))
    why = "answers Korean words as labels"
    add_float(catalogue, "korean-reviews", graph, rows, labels, metrics, why)


NUMERIC = ["age", "distance_km", "previous_visits", "days_ahead", "reminded"]
TYPES = {"age": "float32", "distance_km": "float64", "previous_visits": "int64", "days_ahead": "int32", "reminded": "bool"}


def add_visits(catalogue):
    """Seven inputs of six types, and an output of truth values."""
    columns, missed = data.visits(3000, seed=14)

    def matrix(table):
        one_hot = [(table["department"] == name).astype(np.float32) for name in data.DEPARTMENTS]
        numbers = [table[name].astype(np.float32) for name in NUMERIC]
        return np.hstack([np.stack(numbers + one_hot, axis=1), table["weather"]])

    trees = GradientBoostingClassifier(n_estimators=60, random_state=14).fit(matrix(columns), missed.astype(np.int64))
    head = convert(trees, [("features", floats(14))])
    steps = []
    for name in NUMERIC:
        steps += [
            node("Cast", [name], [f"{name}_float"], to=onnx.TensorProto.FLOAT),
            node("Reshape", [f"{name}_float", "as_column"], [f"{name}_column"]),
        ]
    one_hot = node(
        "OneHotEncoder", ["department"], ["one_hot"], domain="ai.onnx.ml", cats_strings=data.DEPARTMENTS, zeros=1
    )
    steps += [
        one_hot,
        node("Reshape", ["one_hot", "as_departments"], ["department_columns"]),
        node(
            "Concat",
            [*(f"{name}_column" for name in NUMERIC), "department_columns", "weather"],
            ["concatenated"],
            axis=1,
        ),
    ]
    front = model(
        steps,
        [
            *(value(name, TYPES[name], [None]) for name in NUMERIC),
            value("department", "string", [None, 1]),
            value("weather", "float32", [None, 3]),
        ],
        [value("concatenated", "float32", [None, 14])],
        [constant("as_column", [-1, 1], np.int64), constant("as_departments", [-1, len(data.DEPARTMENTS)], np.int64)],
    )
    graph = joined(front, head, [("concatenated", "features")])
    graph.graph.node.append(node("Cast", ["label"], ["missed"], to=onnx.TensorProto.BOOL))
    graph.graph.output[0].CopyFrom(value("missed", "bool", [None]))

    table, missed = data.visits(800, seed=15)
    decimals = {"age": plain_rows(table["age"][:, None]), "weather": plain_rows(table["weather"])}
    rows = [
        {
            "age": decimals["age"][place][0],
            "distance_km": float(table["distance_km"][place]),
            "previous_visits": int(table["previous_visits"][place]),
            "days_ahead": int(table["days_ahead"][place]),
            "reminded": bool(table["reminded"][place]),
            "department": [str(table["department"][place])],
            "weather": decimals["weather"][place],
        }
        for place in range(len(missed))
    ]
    labels = missed.tolist()
    metrics = classifier_metrics(catalogue.write_rows("visits", rows, labels), output="missed")
    add_float(catalogue, "visit-no-show", graph, rows, labels, metrics, "seven inputs of six types")


def add_wines(catalogue):
    train, train_labels, test, test_labels = data.wines()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(train, train_labels)
    graph = convert(pipeline, [("analysis", floats(13, rows=1))])
    rows, labels = plain_rows(test), test_labels.tolist()
    metrics = classifier_metrics(catalogue.write_rows("wines", rows, labels))
    why = "the graph takes one row at a time; created_at is NULL, which is carried"
    add_float(catalogue, "wine-one-by-one", graph, rows, labels, metrics, why, created_at=None)


def add_sensors(catalogue):
    """A network that reads sensors in their own units, since the scaling is part of its first layer. One range of 256 steps for all
    inputs leaves little of the small ones: the int8 form loses much."""
    train, train_labels = data.sensors(3000, seed=16)
    test, test_labels = data.sensors(800, seed=17)
    scaler = StandardScaler().fit(train)
    network = MLPClassifier(hidden_layer_sizes=(256, 256), max_iter=60, random_state=16).fit(scaler.transform(train), train_labels)
    first, bias = network.coefs_[0].astype(np.float64), network.intercepts_[0].astype(np.float64)
    network.coefs_[0] = first / scaler.scale_[:, None]
    network.intercepts_[0] = bias - (scaler.mean_ / scaler.scale_) @ first
    graph = convert(network, [("sensors", floats(12))])
    rows, labels = plain_rows(test), test_labels.tolist()
    test_set = catalogue.write_rows("sensors", rows, labels)
    why = "the float form stays active"
    found = add_float(catalogue, "sensor-network", graph, rows, labels, classifier_metrics(test_set), why)
    why = "loses far more than five points: the float form stays"
    add_int8(catalogue, "sensor-network", int8_form(graph, "sensors", train), "accuracy_dropped", why, found, rows, labels)


def add_exact(catalogue):
    """Two that are right in every row: a regressor without any error, and sums beyond the integers that JSON numbers hold."""
    random = np.random.default_rng(18)
    inputs = random.integers(-400, 400, (400, 4)) / 4
    graph = model(
        [
            node("Mul", ["quarters", "weights"], ["weighted"]),
            node("ReduceSum", ["weighted", "axis"], ["total"], keepdims=0),
        ],
        [value("quarters", "float64", [None, 4])],
        [value("total", "float64", [None])],
        [constant("weights", [3, -2, 0.5, 1], np.float64), constant("axis", [1], np.int64)],
    )
    rows, labels = inputs.tolist(), (inputs @ [3, -2, 0.5, 1]).tolist()
    metrics = {"task": "regressor", "output": "total", **catalogue.write_rows("quarters", rows, labels)}
    add_float(catalogue, "exact-total", graph, rows, labels, metrics, "legacy's error is 0: equality decides")

    figures = random.integers(0, 10, (400, 16))
    places = [10**place for place in range(16)]
    # Every second number has only eight figures: numbers and texts occur in one answer.
    figures[::2, 8:] = 0
    graph = model(
        [
            node("Mul", ["figures", "places"], ["placed"]),
            node("ReduceSum", ["placed", "axis"], ["doubled"], keepdims=0),
            node("Mul", ["doubled", "nine"], ["number"]),
        ],
        [value("figures", "int64", [None, 16])],
        [value("number", "int64", [None])],
        [
            constant("places", places, np.int64),
            constant("axis", [1], np.int64),
            constant("nine", 9, np.int64),
        ],
    )
    sums = [9 * sum(int(figure) * place for figure, place in zip(row, places)) for row in figures]
    rows, labels = figures.tolist(), [number if number <= 2**53 else str(number) for number in sums]
    metrics = classifier_metrics(catalogue.write_rows("numbers", rows, labels), output="number")
    add_float(catalogue, "long-numbers", graph, rows, labels, metrics, "int64 beyond 2^53 is answered as text")


def add_good(catalogue):
    for add in (add_digits, add_tumours, add_friedman, add_korean, add_visits, add_wines, add_sensors, add_exact):
        add(catalogue)
