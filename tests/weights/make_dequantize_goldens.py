"""Writes testdata/dequantize.safetensors: for every encoding bytes as a file holds them, and the values
that the gguf package makes of them.

Run with the packages gguf, numpy and safetensors: python make_dequantize_goldens.py
"""

import pathlib

import gguf
import numpy as np
from gguf import quants
from safetensors.numpy import save_file

BLOCKS = 4
# Where the halves that scale a block lie in it.
HALVES = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "IQ4_NL": [0],
    "IQ4_XS": [0],
    "TQ1_0": [52],
    "TQ2_0": [64],
    "MXFP4": [],
}
WRITTEN = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0", "TQ2_0", "MXFP4"}


def random_blocks(rng, name, size):
    """Any bytes at all, but finite scales: what NaN times a number is, is not part of the format."""
    blocks = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for at in HALVES[name]:
        scales = rng.normal(0, 1, BLOCKS) * 10.0 ** rng.integers(-7, 4, BLOCKS)
        blocks[:, at : at + 2] = scales.astype(np.float16).reshape(-1, 1).view(np.uint8)
    return blocks


def quantized_blocks(rng, kind, elements, size):
    values = rng.normal(0, 1, (BLOCKS, elements)) * 10.0 ** rng.integers(-3, 3, (BLOCKS, 1))
    return quants.quantize(values.astype(np.float32), kind).reshape(BLOCKS, size)


def plain_floats(rng):
    special = np.array([0, -0.0, np.inf, -np.inf, 65504, 6e-8, -6e-5, 1 / 3, 3e38, 1e-40], np.float32)
    with np.errstate(over="ignore"):
        floats = np.concatenate([special, rng.normal(0, 1, 22).astype(np.float32)])
        half = floats.astype(np.float16)
    brain = quants.quantize(floats, gguf.GGMLQuantizationType.BF16)
    return {"F32": floats, "F16": half, "BF16": brain}


def main():
    rng = np.random.default_rng(20240607)
    tensors = {}
    for name, stored in plain_floats(rng).items():
        kind = gguf.GGMLQuantizationType[name]
        tensors[f"{name}.bytes"] = stored.view(np.uint8)
        tensors[f"{name}.values"] = quants.dequantize(stored, kind)
    for name in HALVES:
        kind = gguf.GGMLQuantizationType[name]
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = [random_blocks(rng, name, size)]
        # The package reads most formats but does not write all.
        if name in WRITTEN:
            blocks.append(quantized_blocks(rng, kind, elements, size))
        stored = np.concatenate(blocks)
        tensors[f"{name}.bytes"] = stored.reshape(-1)
        tensors[f"{name}.values"] = quants.dequantize(stored, kind).reshape(-1)
    folder = pathlib.Path(__file__).parent / "testdata"
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "dequantize.safetensors")


if __name__ == "__main__":
    main()
