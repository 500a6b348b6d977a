"""int8 forms of float models, by onnxruntime's own quantiser."""

import os
import tempfile

import onnx
from graphs import pinned, to_bytes
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static


class Batches(CalibrationDataReader):
    def __init__(self, name, inputs):
        self.batches = iter([{name: inputs[start : start + 100]} for start in range(0, len(inputs), 100)])

    def get_next(self):
        return next(self.batches, None)


def int8_form(graph_model, input_name, calibration, nodes=None):
    """Products of matrices in bytes; `nodes` names those that are meant, all of them without it.

    Ranges are fixed beforehand, so that a row's answer does not depend on the rows that it shares a batch with. Unsigned on both
    sides, since products of unsigned and signed bytes saturate on processors without VNNI.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = os.path.join(folder, "float.onnx"), os.path.join(folder, "int8.onnx")
        with open(source, "wb") as file:
            file.write(to_bytes(graph_model))
        quantize_static(
            source,
            target,
            Batches(input_name, calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["MatMul"],
            nodes_to_quantize=nodes,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QUInt8,
        )
        return pinned(onnx.load(target))
