#!/usr/bin/env python3
"""Writes testdata/kind_goldens.safetensors: transformers in f32, forward hooks that change what leaves a block as the papers say.

The kinds of signals that read what they change, with seeded tensors, each alone at a block of its own and all of them with a
vector at one block; on prompts of the default model. Kept: the tensors and, for each case, the final logits of every 32nd token
and the log of the sum of exponentials of all.

usage: make_kind_goldens.py MODEL.gguf
"""
import os
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = ["The weather in the mountains changes quickly, and", "Once upon a time there was a king who had three daughters. The eldest"]
# Case -> block and multiplier; "all" is every case at ALL_BLOCK, in this order, with the multipliers of the cases.
CASES = {"vector": (14, 1.5), "bottleneck": (5, 0.75), "silu": (9, -1.25), "feature_shift": (20, 1.5), "low_rank_affine": (12, 0.5),
         "clamp": (17, 1.0), "null_out": (24, 1.0)}
ALL_BLOCK = 15


def draw_tensors(hidden):
    rng = np.random.default_rng(2603)

    def draw(*shape, scale):
        return (rng.normal(size=shape) * scale).astype(np.float32)

    def orthonormal(count):
        return np.linalg.qr(rng.normal(size=(hidden, count)))[0].T.astype(np.float32)

    rows = orthonormal(3)  # two of a clamp, and a null-out's, which must not meet them
    return {
        "vector.v": draw(hidden, scale=0.5),
        "bottleneck.D": draw(4, hidden, scale=0.05), "bottleneck.U": draw(hidden, 4, scale=0.2), "bottleneck.e": draw(4, scale=1.0),
        "bottleneck.b": draw(hidden, scale=0.2),
        "silu.D": draw(4, hidden, scale=0.05), "silu.U": draw(hidden, 4, scale=0.2),
        "feature_shift.W_enc": draw(12, hidden, scale=0.05), "feature_shift.b_enc": draw(12, scale=1.0),
        "feature_shift.W_dec": draw(12, hidden, scale=0.04), "feature_shift.W_a": draw(12, hidden, scale=0.05),
        "feature_shift.b_a": draw(12, scale=1.0), "feature_shift.tau": np.abs(draw(12, scale=0.5)),
        "feature_shift.threshold": np.abs(draw(12, scale=0.5)),
        "low_rank_affine.R": orthonormal(4), "low_rank_affine.W": draw(4, hidden, scale=0.05), "low_rank_affine.b": draw(4, scale=2.0),
        "clamp.W": rows[:2], "clamp.a": np.array([12.0, 0.0], dtype=np.float32),
        "null_out.w": rows[2] * 3, "null_out.b": np.array([4.0], dtype=np.float32),
    }


def steered(kind, tensors, h, m):
    """What leaves the block instead of h [..., hidden]."""
    t = {name.split(".")[1]: torch.from_numpy(value) for name, value in tensors.items() if name.split(".")[0] == kind}
    if kind == "vector":
        return h + m * t["v"]
    if kind == "bottleneck":
        return h + m * ((h @ t["D"].T + t["e"]) @ t["U"].T + t["b"])
    if kind == "silu":
        return h + m * (torch.nn.functional.silu(h @ t["D"].T) @ t["U"].T)
    if kind == "feature_shift":
        z = h @ t["W_enc"].T + t["b_enc"]
        f = torch.where(z > t["threshold"], z, 0.0)
        x = h @ t["W_a"].T + t["b_a"]
        v = torch.sign(x) * torch.relu(x.abs() - t["tau"])
        return h + m * (torch.relu(f + v) @ t["W_dec"] - f @ t["W_dec"])
    if kind == "low_rank_affine":
        return h + m * ((h @ t["W"].T + t["b"] - h @ t["R"].T) @ t["R"])
    if kind == "clamp":
        return h + m * ((t["a"] - h @ t["W"].T) @ t["W"])
    beyond = torch.relu(h @ t["w"] + t["b"]) / (t["w"] @ t["w"])
    return h - m * beyond[..., None] * t["w"]


def hooked(blocks, tensors, places):
    """Hooks for places [(kind, block, multiplier)], which act in this order at a block."""
    def hook_of(kind, m):
        def hook(_module, _inputs, output):
            if isinstance(output, tuple):
                return (steered(kind, tensors, output[0], m), *output[1:])
            return steered(kind, tensors, output, m)
        return hook
    return [blocks[block].register_forward_hook(hook_of(kind, m)) for kind, block, m in places]


def main():
    folder, name = os.path.split(os.path.abspath(sys.argv[1]))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32, attn_implementation="eager")
    model.eval()
    tensors = draw_tensors(model.config.hidden_size)
    goldens = dict(tensors)
    for case in (*CASES, "all"):
        places = [(kind, ALL_BLOCK, m) for kind, (_, m) in CASES.items()] if case == "all" else [(case, *CASES[case])]
        handles = hooked(model.model.layers, tensors, places)
        for index, text in enumerate(TEXTS):
            ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
            with torch.no_grad():
                last = model(ids).logits[0, -1].double()
            goldens[f"{index}.prompt"] = ids[0].to(torch.int32).numpy()
            goldens[f"{index}.{case}.logits"] = last[::32].float().numpy()
            goldens[f"{index}.{case}.log_sum_exp"] = last.logsumexp(0).float().reshape(1).numpy()
        for handle in handles:
            handle.remove()
    here = os.path.dirname(os.path.abspath(__file__))
    save_file({k: np.ascontiguousarray(v) for k, v in goldens.items()}, os.path.join(here, "testdata", "kind_goldens.safetensors"))


if __name__ == "__main__":
    main()
