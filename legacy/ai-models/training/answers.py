"""Asks onnxruntime as the two services do: rows as JSON holds them, one thread, outputs as JSON would hold them."""

import json
import os

import numpy as np
import onnxruntime

DTYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}
SAFE = 2**53


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return [line["inputs"] for line in lines], [line["label"] for line in lines]


def answers(path, rows, output, folder=None):
    """The values of one output, row by row; graphs whose number of rows is fixed are asked one row at a time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(os.path.join(folder, path) if folder else path, options)
    inputs = session.get_inputs()
    size = len(rows) if isinstance(inputs[0].shape[0], str) or inputs[0].shape[0] is None else inputs[0].shape[0]
    values = []
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        feed = {
            entry.name: np.array(
                [row[entry.name] if isinstance(row, dict) else row for row in part], DTYPES[entry.type]
            )
            for entry in inputs
        }
        values += list(session.run([output], feed)[0])
    return [plain(value) for value in values]


def plain(value):
    """As JSON holds it: a list of one for [N,1], integers beyond 2^53 as text."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > SAFE:
        return str(value)
    return value
