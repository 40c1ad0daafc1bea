#!/usr/bin/env python3
"""Writes testdata/steered_goldens.safetensors: transformers in f32 with forward hooks and merged weights as the steering.

Three controls with seeded tensors, alone and all at once, on prompts of the default model: a vector on the output of block 14
(a hook, as published steering code does it), a LoRA on q_proj of block 3 and one on down_proj of block 20 (merged into the
weights of the checkpoint's own row order). Kept: the controls' tensors and, for each case, the final logits of every 16th token
and the log of the sum of exponentials of all.

usage: make_steered_goldens.py MODEL.gguf
"""
import os
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = ["The weather in the mountains changes quickly, and", "def main():\n    print(", "Dear Sir or Madam, I am writing to",
         "Once upon a time there was a king who had three daughters. The eldest"]
M_VECTOR, M_Q, M_DOWN = 3.0, -1.5, 0.75


def main():
    folder, name = os.path.split(os.path.abspath(sys.argv[1]))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32, attn_implementation="eager")
    model.eval()
    rng = np.random.default_rng(2602)

    def draw(*shape, scale):
        return (rng.normal(size=shape) * scale).astype(np.float32)

    hidden, ffn = model.config.hidden_size, model.config.intermediate_size
    tensors = {
        "vector.v": draw(hidden, scale=2.0),
        "q.A": draw(2, hidden, scale=0.1), "q.B": draw(hidden, 2, scale=0.5),
        "down.A": draw(2, ffn, scale=0.2), "down.B": draw(hidden, 2, scale=0.5),
    }
    blocks = model.model.layers
    vector = torch.from_numpy(tensors["vector.v"])
    q, down = blocks[3].self_attn.q_proj.weight, blocks[20].mlp.down_proj.weight
    plain_q, plain_down = q.detach().clone(), down.detach().clone()

    def hook(_module, _inputs, output):
        if isinstance(output, tuple):
            return (output[0] + M_VECTOR * vector, *output[1:])
        return output + M_VECTOR * vector

    for case in ("vector", "q", "down", "all"):
        with torch.no_grad():
            q.copy_(plain_q)
            down.copy_(plain_down)
            if case in ("q", "all"):
                q.add_(M_Q * torch.from_numpy(tensors["q.B"] @ tensors["q.A"]))
            if case in ("down", "all"):
                down.add_(M_DOWN * torch.from_numpy(tensors["down.B"] @ tensors["down.A"]))
            handle = blocks[14].register_forward_hook(hook) if case in ("vector", "all") else None
            for index, text in enumerate(TEXTS):
                ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
                last = model(ids).logits[0, -1].double()
                tensors[f"{index}.prompt"] = ids[0].to(torch.int32).numpy()
                tensors[f"{index}.{case}.logits"] = last[::16].float().numpy()
                tensors[f"{index}.{case}.log_sum_exp"] = last.logsumexp(0).float().reshape(1).numpy()
            if handle is not None:
                handle.remove()
    here = os.path.dirname(os.path.abspath(__file__))
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()},
              os.path.join(here, "testdata", "steered_goldens.safetensors"))


if __name__ == "__main__":
    main()
