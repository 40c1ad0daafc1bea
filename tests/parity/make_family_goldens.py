#!/usr/bin/env python3
"""Writes testdata/family_goldens.safetensors: what transformers computes on the checkpoints of families.py.

For each family and two prompts, of which the longer crosses every window: the logits at some positions, the log-probability
of every prompt token, greedy tokens with the margin between the two best at each step, all in f32; and how far
transformers' own bf16 is from its f32. Before anything is written, each feature of a family is switched off in turn: goldens
that would not notice its absence prove nothing.

usage: make_family_goldens.py            writes the goldens
       make_family_goldens.py --check    makes them again and compares: a reference that drifted shows
"""
import os
import sys

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file, save_file

from families import FAMILIES, VOCABULARY, WINDOW

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDENS = os.path.join(HERE, "testdata", "family_goldens.safetensors")
LENGTHS, GREEDY = [150, 37], 24
POSITIONS = [0, 1, WINDOW - 1, WINDOW, WINDOW + 1, 36, 63, 100, 149]
# A feature's absence must change some logit by ten times what the comparison allows.
FELT, LOGITS, LOG_PROBABILITIES, TIE = 2e-2, 2e-3, 1e-3, 1e-3


def prompts():
    generator = np.random.default_rng(5)
    return [generator.integers(3, VOCABULARY, length) for length in LENGTHS]


def logits_of(model, prompt):
    return model(torch.from_numpy(prompt)[None]).logits[0].double()


def greedy(model, prompt):
    out = model.generate(torch.from_numpy(prompt)[None], attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                         max_new_tokens=GREEDY, min_new_tokens=GREEDY, do_sample=False, output_logits=True,
                         return_dict_in_generate=True, eos_token_id=None, pad_token_id=0)
    two = torch.stack([step[0] for step in out.logits]).double().topk(2).values
    return out.sequences[0, len(prompt):], two[:, 0] - two[:, 1]


def check_features(name, family, expected, prompt):
    """Every weight and every switch must be felt."""
    for feature, changes in family.without.items():
        change = (logits_of(family.make(name, changes), prompt) - expected).abs().max().item()
        if change < FELT:
            raise SystemExit(f"{name} without its {feature} differs by {change:.2g} only")
    model = family.make(name)
    for key, parameter in model.named_parameters():
        if "norm" not in key and not key.endswith("bias"):
            continue
        kept = parameter.detach().clone()
        parameter.fill_(0 if key.endswith("bias") else kept.mean())
        change = (logits_of(model, prompt) - expected).abs().max().item()
        parameter.copy_(kept)
        # A bias of all keys turns with them; the first layers' may shift a softmax only a little.
        if change < FELT:
            raise SystemExit(f"{name} with a trivial {key} differs by {change:.2g} only")


def make():
    tensors = {}
    for name, family in FAMILIES.items():
        model, half = family.make(name), family.make(name).to(torch.bfloat16)
        for index, prompt in enumerate(prompts()):
            logits = logits_of(model, prompt)
            if index == 0:
                check_features(name, family, logits, prompt)
            log_probs = logits.log_softmax(-1)
            tokens, margins = greedy(model, prompt)
            positions = [p for p in POSITIONS if p < len(prompt)]
            key = f"{name}.{index}"
            tensors[f"{key}.prompt"] = prompt.astype(np.int32)
            tensors[f"{key}.positions"] = np.array(positions, np.int32)
            tensors[f"{key}.logits"] = logits[positions].float().numpy()
            tensors[f"{key}.log_probs"] = log_probs[:-1].gather(1, torch.from_numpy(prompt[1:])[:, None])[:, 0].float().numpy()
            tensors[f"{key}.greedy"] = tokens.to(torch.int32).numpy()
            tensors[f"{key}.greedy_margin"] = margins.float().numpy()
            error = (logits_of(half, prompt).log_softmax(-1) - log_probs).abs().mean()
            tensors[f"{key}.bf16_error"] = error.float().reshape(1).numpy()
    return tensors


def check(made, kept):
    if made.keys() != kept.keys():
        raise SystemExit(f"other tensors: {sorted(made.keys() ^ kept.keys())}")
    worst = 0.0
    for key, expected in kept.items():
        difference = np.abs(made[key].astype(np.float64) - expected).max() if made[key].shape == expected.shape else np.inf
        kind = key.split(".")[-1]
        if kind == "greedy":
            parted = np.flatnonzero(made[key] != expected)
            if len(parted) and kept[key + "_margin"][parted[0]] >= TIE:
                raise SystemExit(f"{key}: token {parted[0]} differs")
        elif kind in ("prompt", "positions") and difference:
            raise SystemExit(f"{key} differs")
        elif kind in ("logits", "log_probs"):
            worst = max(worst, difference)
            if not difference < (LOGITS if kind == "logits" else LOG_PROBABILITIES) / 2:
                raise SystemExit(f"{key} differs by {difference:.3g}")
    print(f"{len(FAMILIES)} families as recorded; largest difference {worst:.3g}")


def main():
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    with torch.no_grad():
        made = make()
    if sys.argv[1:] == ["--check"]:
        check(made, load_file(GOLDENS))
    else:
        save_file({key: np.ascontiguousarray(value) for key, value in made.items()}, GOLDENS)


if __name__ == "__main__":
    main()
