#!/usr/bin/env python3
"""Writes testdata/kv_goldens.safetensors: cache steering by transformers on checkpoints of families.py, in f32.

As the method is published (arXiv 2507.08799): the prompt but its last token runs, then the last entry of a DynamicCache is edited
in the layers from 1 on, once, and everything else runs from that cache, a token at a time. Keys are shifted as they are before
they turn: the shift is turned by the model's own embedding to where it is added. The prompt crosses the window of 32. And what such
a signal is learnt from: the mean difference of keys, which a hook sees before they turn, and of cached values at the last tokens of
pairs of texts.

usage: make_kv_goldens.py            writes the goldens
       make_kv_goldens.py --check    makes them again and compares
"""
import importlib
import os
import sys

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file, save_file

from families import FAMILIES, VOCABULARY

GOLDENS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "testdata", "kv_goldens.safetensors")
# Plain; norms of keys; two bases and windows; layers that do not turn; a part of each head that turns.
NAMES = ("llama", "qwen3", "gemma3", "smollm3", "phi3_partial")
LENGTH, FORCED, FIRST_LAYER, MULTIPLIER, SCALE, FELT = 37, 6, 1, 1.5, 1.0, 0.1
QUESTION, ANSWERS = 8, [(5, 3), (1, 4), (2, 30)]  # tokens


def turned(model, layer, key, position):
    """key [kv_heads, head_dim] as attention of this layer turns it at a position."""
    attention = model.model.layers[layer].self_attn
    if not getattr(attention, "use_rope", True):
        return key
    embedding, at = model.model.rotary_emb, torch.tensor([[position]])
    by_type = [model.config.layer_types[layer]] if type(model).__name__.startswith("Gemma3") else []
    cos, sin = embedding(key, at, *by_type)
    key = key[None, :, None, :]
    rotate = importlib.import_module(type(model).__module__).apply_rotary_pos_emb
    return rotate(key, key, cos, sin)[1][0, :, 0]


def run(model, prompt, forced, shifts):
    """Logits of the prompt's last token and of all but the last forced one."""
    cache = transformers.DynamicCache(config=model.config)
    model(prompt[None, :-1], cache=cache, use_cache=True)
    for layer, (key, value) in shifts.items():
        entry = cache.layers[layer]
        entry.keys[0, :, -1] += MULTIPLIER * turned(model, layer, key, len(prompt) - 2)
        entry.values[0, :, -1] += MULTIPLIER * value
    logits = []
    for token in [prompt[-1:], *forced[:-1].split(1)]:
        logits.append(model(token[None], cache=cache, use_cache=True).logits[0, -1])
    return torch.stack(logits)


def read_last(model, tokens):
    """By layer keys before they turn and values of the last token, each [kv_heads, head_dim]."""
    config, keys = model.config, []

    def hook(_module, _inputs, output):
        # As wide as all heads, or fused behind the queries, or head by head where keys are normed.
        if output.dim() == 4:
            keys.append(output[0].select(list(output.shape[1:3]).index(len(tokens)), -1))
            return
        values = cache_width if output.shape[-1] > cache_width else 0
        end = output.shape[-1] - values
        keys.append(output[0, -1, end - cache_width:end].view(config.num_key_value_heads, -1))

    cache = transformers.DynamicCache(config=config)
    attentions = [layer.self_attn for layer in model.model.layers]
    cache_width = config.num_key_value_heads * attentions[0].head_dim
    modules = [getattr(a, "k_norm", None) or getattr(a, "k_proj", None) or a.qkv_proj for a in attentions]
    handles = [module.register_forward_hook(hook) for module in modules]
    model(tokens[None], cache=cache, use_cache=True)
    for handle in handles:
        handle.remove()
    return [(key, cache.layers[layer].values[0, :, -1]) for layer, key in enumerate(keys)]


def learn(name, model, generator, tensors):
    sums = None
    for index, lengths in enumerate(ANSWERS):
        question = generator.integers(3, VOCABULARY, QUESTION)
        read = []
        for which, length in zip(("positive", "negative"), lengths):
            tokens = np.concatenate([question, generator.integers(3, VOCABULARY, length)])
            tensors[f"{name}.{index}.{which}"] = tokens.astype(np.int32)
            read.append(read_last(model, torch.from_numpy(tokens)))
        difference = [[p - n for p, n in zip(*layer)] for layer in zip(*read)]
        sums = difference if sums is None else [[a + b for a, b in zip(*layer)] for layer in zip(sums, difference)]
    for layer in range(FIRST_LAYER, len(sums)):
        for part, total in zip(("S_k", "S_v"), sums[layer]):
            tensors[f"{name}.learnt.layers.{layer}.kv.{part}"] = (total / len(ANSWERS)).numpy()


def make():
    tensors = {}
    generator = np.random.default_rng(2507)
    for name in NAMES:
        model = FAMILIES[name].make(name)
        config = model.config
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        tokens = torch.from_numpy(generator.integers(3, VOCABULARY, LENGTH + FORCED))
        shifts = {}
        for layer in range(FIRST_LAYER, config.num_hidden_layers):
            both = SCALE * generator.standard_normal((2, config.num_key_value_heads, head_dim)).astype(np.float32)
            tensors[f"{name}.layers.{layer}.kv.S_k"], tensors[f"{name}.layers.{layer}.kv.S_v"] = both
            shifts[layer] = (torch.from_numpy(both[0]), torch.from_numpy(both[1]))
        prompt, forced = tokens[:LENGTH], tokens[LENGTH:]
        plain = run(model, prompt, forced, {})
        whole = model(tokens[None]).logits[0, LENGTH - 1:-1]
        if (plain - whole).abs().max() > 1e-3:
            raise SystemExit(f"{name}: the reference's cache is not what it computes without one")
        for part in (0, 1):
            only = {layer: tuple(t * (i == part) for i, t in enumerate(pair)) for layer, pair in shifts.items()}
            if (run(model, prompt, forced, only) - plain).abs().max() < FELT:
                raise SystemExit(f"{name}: {'keys' if part == 0 else 'values'} alone are not felt")
        tensors[f"{name}.tokens"] = tokens.to(torch.int32).numpy()
        tensors[f"{name}.logits"] = run(model, prompt, forced, shifts).numpy()
        learn(name, model, np.random.default_rng(2508), tensors)
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def main():
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    with torch.no_grad():
        made = make()
    if sys.argv[1:] != ["--check"]:
        save_file(made, GOLDENS)
        return
    kept = load_file(GOLDENS)
    if made.keys() != kept.keys():
        raise SystemExit(f"other tensors: {sorted(made.keys() ^ kept.keys())}")
    worst = max(np.abs(made[name].astype(np.float64) - tensor).max() for name, tensor in kept.items())
    if not worst < 1e-3:
        raise SystemExit(f"differs by {worst:.3g}")
    print(f"{len(NAMES)} families as recorded; largest difference {worst:.3g}")


if __name__ == "__main__":
    main()
