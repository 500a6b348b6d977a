"""ONNX graphs in the one form that onnxruntime-node 1.24.3 reads: operator sets and format version are pinned here."""

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper
from skl2onnx import to_onnx

OPSET = 20
ML_OPSET = 3
IR_VERSION = 10

TYPES = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
}


def value(name, type_name, shape):
    """An input or output; `None` in the shape is a dimension that is free, as the number of rows mostly is."""
    return helper.make_tensor_value_info(name, TYPES[type_name], [None if size is None else size for size in shape])


def constant(name, values, dtype):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def node(operator, inputs, outputs, **attributes):
    domain = attributes.pop("domain", "")
    return helper.make_node(operator, inputs, outputs, name=f"{operator}:{outputs[0]}", domain=domain, **attributes)


def model(nodes, inputs, outputs, constants=(), opset=OPSET, domains=()):
    graph = helper.make_graph(nodes, "model", inputs, outputs, list(constants))
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ML_OPSET), *domains]
    return helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="legacy-stand-in")


def convert(estimator, inputs, options=None):
    """A fitted estimator of scikit-learn as a graph, without ZipMap: probabilities are a matrix, not a list of dictionaries."""
    classifier = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    chosen = dict(options or {})
    if hasattr(classifier, "predict_proba"):
        chosen[id(classifier)] = {"zipmap": False}
    opsets = {"": OPSET, "ai.onnx.ml": ML_OPSET}
    return pinned(to_onnx(estimator, initial_types=inputs, target_opset=opsets, options=chosen))


def pinned(graph_model):
    """The converter lists the operator sets that it happened to need, some twice; this one list serves all graphs."""
    contrib = {entry.domain for entry in graph_model.opset_import} - {"", "ai.onnx", "ai.onnx.ml"}
    del graph_model.opset_import[:]
    graph_model.opset_import.extend([helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)])
    graph_model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in sorted(contrib))
    graph_model.ir_version = IR_VERSION
    graph_model.producer_name = "legacy-stand-in"
    graph_model.producer_version = ""
    graph_model.graph.name = "model"
    return graph_model


def joined(first, second, link):
    """`first` with its outputs led into inputs of `second`: pairs of (output, input)."""
    second = compose.add_prefix(second, "head_", rename_inputs=False, rename_outputs=False)
    domains = {entry.domain: entry.version for part in (first, second) for entry in part.opset_import}
    for part in (first, second):
        del part.opset_import[:]
        part.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in domains.items())
    return pinned(compose.merge_models(first, second, io_map=link))


def rename(graph_model, names):
    """Renames inputs and outputs, and what refers to them."""
    for entry in [*graph_model.graph.input, *graph_model.graph.output]:
        entry.name = names.get(entry.name, entry.name)
    for step in graph_model.graph.node:
        step.input[:] = [names.get(name, name) for name in step.input]
        step.output[:] = [names.get(name, name) for name in step.output]
    return graph_model


def schema(graph_model):
    """The inputs as legacy's column `input_schema` lists them."""
    names = {code: name for name, code in TYPES.items()}
    return [
        {
            "name": entry.name,
            "type": names[entry.type.tensor_type.elem_type],
            "shape": [
                size.dim_value if size.HasField("dim_value") else None for size in entry.type.tensor_type.shape.dim
            ],
        }
        for entry in graph_model.graph.input
    ]


def to_bytes(graph_model):
    onnx.checker.check_model(graph_model)
    return graph_model.SerializeToString(deterministic=True)
