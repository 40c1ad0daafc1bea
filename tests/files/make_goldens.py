"""Writes the files in testdata with the packages of the formats' authors.

Run with the packages gguf, numpy and safetensors: python make_goldens.py
"""

import pathlib

import gguf
import numpy as np
from gguf import quants
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).parent / "testdata"


def make_gguf():
    writer = gguf.GGUFWriter(FOLDER / "small.gguf", "llama")
    writer.add_custom_alignment(64)
    writer.add_uint8("test.uint8", 255)
    writer.add_int8("test.int8", -128)
    writer.add_uint16("test.uint16", 65535)
    writer.add_int16("test.int16", -32768)
    writer.add_uint32("test.uint32", 2**32 - 1)
    writer.add_int32("test.int32", -(2**31))
    writer.add_uint64("test.uint64", 2**63 - 1)
    writer.add_int64("test.int64", -(2**63))
    writer.add_float32("test.float32", 0.1)
    writer.add_float64("test.float64", 0.1)
    writer.add_bool("test.true", True)
    writer.add_bool("test.false", False)
    writer.add_string("test.string", "snow \u2603 and a\nline")
    writer.add_array("test.ints", [3, -2, 1])
    writer.add_array("test.floats", [0.5, -0.25])
    writer.add_array("test.bools", [True, False, True])
    writer.add_array("test.strings", ["", "a", "\u00e9\u00e8"])
    writer.add_tensor("plain", np.arange(6, dtype=np.float32).reshape(2, 3))
    writer.add_tensor("half", np.arange(3, dtype=np.float16))
    blocks = quants.quantize(
        np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64), gguf.GGMLQuantizationType.Q4_1
    )
    writer.add_tensor("blocks", blocks, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_safetensors():
    tensors = {
        "matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
        "ids": np.array([1, -1, 2**40], dtype=np.int64),
        "flags": np.array([True, False, True]),
        "half": np.array([0.5, -2], dtype=np.float16),
        "scalar": np.array(2.5, dtype=np.float64),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "n\u00e4me \"q\"": np.array([7], dtype=np.uint8),
    }
    notes = {"format": "test/1", "note": "caf\u00e9 \"x\"\n"}
    save_file(tensors, FOLDER / "small.safetensors", notes)
    # One dtype and one note: both writers then put the tensors into the order of the names.
    same = {"a": np.array([1, 2], np.float32), "b.c": np.array([[3]], np.float32)}
    save_file(same, FOLDER / "one_dtype.safetensors", {"format": "test/1"})


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    make_gguf()
    make_safetensors()
