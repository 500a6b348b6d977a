"""A model for every reason for which one stays at legacy. Each is right but for the one thing that its name says: most share the
artifact and the test set of `sound`."""

import data
import numpy as np
import onnx
from comparison import compare_classifier, compare_regressor
from good import add_float, classifier_metrics, plain_rows
from graphs import TYPES, constant, model, node, schema, to_bytes, value
from onnx import helper
from retrained import forecast, sensor_classifier

WIDTH = 12


class Faults:
    def __init__(self, catalogue):
        """Enters `sound`, which goes over, and keeps its parts for the others."""
        self.catalogue = catalogue
        self.graph = sensor_classifier(3000, seed=41)
        inputs, labels = data.sensors(400, seed=42)
        self.rows, self.labels = plain_rows(inputs), labels.tolist()
        test_set = catalogue.write_rows("sound", self.rows, self.labels)
        self.metrics = classifier_metrics(test_set)
        self.schema = schema(self.graph)
        self.artifact = "artifacts/sound.onnx"
        why = "nothing is wrong with it; the faulty ones are made of it"
        add_float(catalogue, "sound", self.graph, self.rows, self.labels, self.metrics, why)

    def add(self, name, outcome, why, artifact=None, **row):
        row = {"input_schema": self.schema, "metrics": self.metrics, **row}
        self.catalogue.add(name, outcome, why, self.artifact if artifact is None else artifact, **row)

    def add_content(self, name, outcome, why, content, **row):
        path = f"artifacts/{name}.onnx"
        self.catalogue.write(f"models/{path}", content)
        self.add(name, outcome, why, path, **row)


def add_frameworks(faults):
    why = "only ONNX can be moved"
    faults.add("framework-tensorflow", "framework_unsupported", why, framework="tensorflow")
    faults.add("framework-null", "framework_unsupported", why, framework=None)


def add_paths(faults):
    """`link` asks whoever lays the folder out for a symbolic link: package managers do not carry them."""
    content = faults.catalogue.read(f"models/{faults.artifact}")
    outside = faults.catalogue.write("outside/sound.onnx", content)
    faults.add("path-empty", "path_outside", "the path is empty", "", sha256=outside)
    faults.add("path-absolute", "path_outside", "the path is absolute", "/outside/sound.onnx", sha256=outside)
    why = "a segment is equal to .. and the file lies outside"
    faults.add("path-dots", "path_outside", why, "../outside/sound.onnx", sha256=outside)
    why = "a segment is equal to .. though the file lies inside"
    faults.add("path-dots-inside", "path_outside", why, "tests/../artifacts/sound.onnx", sha256=outside)
    why = "a symbolic link leads outside"
    path = "artifacts/path-link.onnx"
    link = {"path": path, "target": "../../outside/sound.onnx"}
    faults.add("path-link", "path_outside", why, path, sha256=outside, link=link)
    why = "external data lies outside"
    faults.catalogue.write("outside/weights.bin", b"\0" * (4 * WIDTH))
    faults.add_content("external-outside", "path_outside", why, external("../../outside/weights.bin"))


def external(location):
    """A graph of one weight an input, which lies in a file of its own."""
    weight = constant("weights", np.zeros(WIDTH), np.float32)
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    for key, entry in (("location", location), ("offset", "0"), ("length", str(4 * WIDTH))):
        weight.external_data.add(key=key, value=entry)
    return unchecked(model([node("Add", ["sensors", "weights"], ["label"])], *floats_in_and_out(), [weight]))


def floats_in_and_out(output="label"):
    return [value("sensors", "float32", [None, WIDTH])], [value(output, "float32", [None, WIDTH])]


def unchecked(graph):
    return graph.SerializeToString(deterministic=True)


def add_files(faults):
    content = faults.catalogue.read(f"models/{faults.artifact}")
    right = faults.catalogue.models[-1]["row"]["sha256"]
    faults.add("artifact-gone", "artifact_missing", "no such file", "artifacts/artifact-gone.onnx", sha256=right)
    faults.add("artifact-a-folder", "artifact_missing", "a folder", "artifacts/digits-external", sha256=right)
    why = "a file of external data is not there"
    faults.add_content("external-gone", "artifact_missing", why, external("external-gone.bin"))
    why = "the sum is NULL"
    faults.add("checksum-null", "checksum_mismatch", why, sha256=None)
    faults.add("checksum-malformed", "checksum_mismatch", "the sum is no SHA-256", sha256="d41d8cd98f00b204")
    faults.add("checksum-of-another", "checksum_mismatch", "the sum is that of other bytes", sha256="0" * 64)
    garbage = np.random.default_rng(43).bytes(4096)
    faults.add_content("unreadable-garbage", "artifact_unreadable", "no ONNX file at all", garbage)
    half = content[: len(content) // 2]
    faults.add_content("unreadable-truncated", "artifact_unreadable", "half of an ONNX file", half)
    faults.add_content("unreadable-empty", "artifact_unreadable", "a file of no bytes", b"")


def add_operators(faults):
    ins, outs = floats_in_and_out()
    custom = node("Grade", ["sensors"], ["label"], domain="com.example.legacy")
    graph = model([custom], ins, outs, domains=[helper.make_opsetid("com.example.legacy", 1)])
    why = "an operator of a domain that the runtime does not have"
    faults.add_content("operator-of-another-domain", "operator_unsupported", why, unchecked(graph))
    graph = model([node("Grade", ["sensors"], ["label"])], ins, outs)
    faults.add_content("operator-unknown", "operator_unsupported", "no such operator", unchecked(graph))
    graph = model([node("Relu", ["sensors"], ["label"])], ins, outs, opset=99)
    why = "an operator set that is newer than the runtime"
    faults.add_content("operator-set-too-new", "operator_unsupported", why, unchecked(graph))
    cast = node("Cast", ["sensors"], ["short"], to=onnx.TensorProto.BFLOAT16)
    back = node("Cast", ["rest"], ["label"], to=onnx.TensorProto.FLOAT)
    graph = model([cast, node("Mod", ["short", "short"], ["rest"]), back], ins, outs)
    why = "an operator that the runtime has, but not for this type"
    faults.add_content("operator-without-kernel", "operator_unsupported", why, unchecked(graph))


def add_memory(faults):
    """A few bytes that loading turns into a constant of any size, since the runtime computes what does not depend on inputs."""
    faults.add_content(
        "memory-impossible",
        "memory_exceeded",
        "loading allocates 256 TiB: more than a process can address",
        expanding(2**46),
    )
    faults.add_content(
        "memory-one-gibibyte",
        "memory_exceeded",
        "holds 1 GiB once it is loaded, and twice as much for a moment",
        expanding(2**28),
        needs={"memory_bytes": 2**30},
    )


def expanding(floats_of_four_bytes):
    one = constant("one", [1], np.float32)
    steps = [
        node("ConstantOfShape", ["size"], ["large"], value=one),
        node("Cast", ["sensors"], ["places"], to=TYPES["int64"]),
        node("Sub", ["places", "places"], ["zeros"]),
        node("Gather", ["large", "zeros"], ["label"]),
    ]
    return to_bytes(model(steps, *floats_in_and_out(), [constant("size", [floats_of_four_bytes], np.int64)]))


def add_schemas(faults):
    [right] = faults.schema
    for name, why, listed in (
        ("schema-name", "the input has another name", [{**right, "name": "values"}]),
        ("schema-type", "the input has another type", [{**right, "type": "float64"}]),
        ("schema-dimension", "the input is 12 wide, not 13", [{**right, "shape": [None, WIDTH + 1]}]),
        ("schema-rank", "the input has two dimensions", [{**right, "shape": [None]}]),
        ("schema-one-more", "the graph has no second input", [right, {**right, "name": "more"}]),
    ):
        faults.add(name, "schema_mismatch", why, input_schema=listed)


def add_not_finite(faults):
    """Answers of the first are never finite; of the second only the last row's is not: one sensor shows exactly 0 there."""
    ins, outs = floats_in_and_out("value")
    rows = [row[:] for row in faults.rows]
    rows[-1][2] = 0.0
    test_set = faults.catalogue.write_rows("one-zero", rows, [0.0] * len(rows))
    metrics = {"task": "regressor", "output": "value", **test_set}
    constants = [constant("below_zero", -1, np.float32)]
    negative = [node("Abs", ["sensors"], ["sizes"]), node("Add", ["sizes", "one"], ["more"])]
    negative += [node("Mul", ["more", "below_zero"], ["negative"]), node("Log", ["negative"], ["value"])]
    graph = model(negative, ins, outs, [*constants, constant("one", 1, np.float32)])
    why = "the smoke prediction is not a number"
    faults.add_content("answers-not-a-number", "output_not_finite", why, to_bytes(graph), metrics=metrics)
    graph = model([node("Reciprocal", ["sensors"], ["value"])], ins, outs)
    why = "one row of the test set is answered with infinity"
    faults.add_content("answers-infinity-once", "output_not_finite", why, to_bytes(graph), metrics=metrics)


def add_evidence(faults):
    few = faults.catalogue.write_rows("few", faults.rows[:60], faults.labels[:60])
    right = faults.labels[:60]
    comparison = compare_classifier(right, right, right)
    why = "60 rows without a disagreement are too few: 73 would do"
    faults.add("evidence-few-rows", "evidence_missing", why, metrics=classifier_metrics(few), comparison=comparison)
    faults.add("evidence-no-metrics", "evidence_missing", "metrics are NULL", metrics=None)
    without = {"task": "classifier", "output": "label"}
    faults.add("evidence-no-test-set", "evidence_missing", "no test set is named", metrics=without)
    gone = {**faults.metrics, "test_set": "tests/gone.jsonl"}
    faults.add("evidence-test-set-gone", "evidence_missing", "the test set is not there", metrics=gone)
    other = {**faults.metrics, "test_sha256": "0" * 64}
    faults.add("evidence-another-sum", "evidence_missing", "the test set has another sum", metrics=other)
    outside = {**faults.metrics, "test_set": "../outside/sound.jsonl"}
    outside["test_sha256"] = faults.catalogue.write(
        "outside/sound.jsonl", faults.catalogue.read(f"models/{faults.metrics['test_set']}")
    )
    faults.add("evidence-outside", "evidence_missing", "the test set lies outside", metrics=outside)
    add_few_forecasts(faults)


def add_few_forecasts(faults):
    graph = forecast(60, seed=44)
    inputs, labels = data.friedman(80, seed=45)
    rows, labels = plain_rows(inputs), labels.tolist()
    test_set = faults.catalogue.write_rows("few-forecasts", rows, labels)
    metrics = {"task": "regressor", "output": "forecast", **test_set}
    shifted = np.asarray(labels) + 0.5
    comparison = compare_regressor(shifted, shifted, labels, {"absolute": 1e-5, "relative": 1e-5})
    comparison = {"decision": comparison["decision"], "n": comparison["n"]}
    row = {"metrics": metrics, "comparison": comparison, "input_schema": schema(graph)}
    why = "a regressor wants 100 rows"
    faults.add_content("evidence-few-forecasts", "evidence_missing", why, to_bytes(graph), **row)


def add_timestamps(faults):
    why = "created_at is beyond the year 9999"
    faults.add("created-in-12024", "timestamp_invalid", why, created_at="12024-03-15T03:00:00Z")
    faults.add("created-never", "timestamp_invalid", "created_at is infinite", created_at="infinity")
    faults.add("created-before-christ", "timestamp_invalid", "created_at is before the year 1", created_at="0044-03-15 BC")


def add_faulty(catalogue):
    faults = Faults(catalogue)
    for add in (
        add_frameworks,
        add_paths,
        add_files,
        add_operators,
        add_memory,
        add_schemas,
        add_not_finite,
        add_evidence,
        add_timestamps,
    ):
        add(faults)
