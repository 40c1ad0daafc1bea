"""Writes lora.safetensors with the reference implementation of the format: mixed float types, odd key order."""

import pathlib

import torch
from safetensors.torch import save_file

save_file(
    {
        "layers.1.down_proj.B": torch.tensor([[0.25], [-8.0]], dtype=torch.float16),
        "layers.1.down_proj.A": torch.tensor([[1.0, -0.0, 0.5]], dtype=torch.float64),
        "layers.1.block_out.db": torch.tensor([6.0, 7.0], dtype=torch.bfloat16),
        "layers.1.block_out.B": torch.tensor([[4.0], [5.0]], dtype=torch.float32),
        "layers.1.block_out.A": torch.tensor([[1e-30, 2.0, 3.0]], dtype=torch.float32),
    },
    str(pathlib.Path(__file__).parent / "lora.safetensors"),
    metadata={
        "reads": '{ "layers.1.block_out": "mlp_mid" }',
        "format": "control-signal/1",
        "kind": "lora",
        "model_shape": "shape-mark",
        "model_weights": "weights-mark",
        "default_multiplier": "-25e-1",
        "default_positions": '{"exclude_template_head": true, "prompt": false}',
    },
)
