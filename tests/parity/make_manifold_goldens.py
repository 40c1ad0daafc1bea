#!/usr/bin/env python3
"""Writes testdata/manifold_goldens.json: how far a vector takes real activations from plain ones' principal components.

The first questions of Psychopathy through the default model's chat template, the vector of make_sweep_goldens.py behind
block 14, as a plain loop over transformers in f32 gives it (sweep_reference.py), read there and six blocks above, on all
tokens behind the template's head or on the last alone. Principal components are numpy's singular vectors of the centred
plain activations.

usage: make_manifold_goldens.py DEFAULT_FOLDER            writes the goldens
       make_manifold_goldens.py DEFAULT_FOLDER --check    makes them again and compares
"""
import contextlib
import json
import os
import sys

import numpy as np
import torch
from safetensors.numpy import load_file

import sweep_reference

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDENS = os.path.join(HERE, "testdata", "manifold_goldens.json")
QUESTIONS, LAYER, MULTIPLIERS = 12, 14, [-2.0, 0.0, 0.5, 4.0]
CASES = [("after_head", 14, {"explained_share": 0.9}), ("after_head", 20, {"components": 40}),
         ("generated", 14, {"components": 5})]
DRIFT = 1e-3  # relative


def prompt_of(tokenizer, question):
    user = {"role": "user", "content": question}
    opened = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    encoded = tokenizer(opened, add_special_tokens=False, return_offsets_mapping=True)
    ids, ends = encoded["input_ids"], [end for _, end in encoded["offset_mapping"]]
    head = next(i for i, end in enumerate(ends) if end > opened.index(question))
    return sweep_reference.Text(ids, len(ids), head)


def activations(model, texts, control, multiplier, layer):
    """[tokens on which the control acts, hidden], fp64"""
    rows = []
    for text in texts:
        kept = []

        def keep(_module, _inputs, output, kept=kept):
            kept.append(output[0] if isinstance(output, tuple) else output)

        with torch.no_grad(), contextlib.ExitStack() as stack:
            stack.callback(control.attach(model, text, multiplier).remove)
            stack.callback(model.model.layers[layer].register_forward_hook(keep).remove)  # behind the change
            model(text.ids, use_cache=False, logits_to_keep=1)
        acts = control.mask(text)[0, :, 0].bool()
        rows.append(kept[0].reshape(-1, kept[0].shape[-1])[acts].double().numpy())
    return np.concatenate(rows)


def spread(values):
    return [values.mean(), *np.quantile(values, [0.05, 0.5, 0.95])]


def view(model, texts, control, layer, size):
    plain = activations(model, texts, control, 0, layer)
    mean = plain.mean(0)
    _, sigma, directions = np.linalg.svd(plain - mean, full_matrices=False)
    explained = np.cumsum(sigma**2) / (sigma**2).sum()
    count = size.get("components") or int(np.searchsorted(explained, size["explained_share"]) + 1)
    basis = directions[:count].T

    def distance(h):
        return np.linalg.norm((h - mean) - (h - mean) @ basis @ basis.T, axis=1)

    norms = np.linalg.norm(plain, axis=1)
    points = []
    for m in MULTIPLIERS:
        h = activations(model, texts, control, m, layer)
        change = h - plain
        points.append({"multiplier": m, "norm_ratio": spread(np.linalg.norm(h, axis=1) / norms),
                       "distance": spread(distance(h)), "distance_ratio": distance(h).mean() / distance(plain).mean(),
                       "change": np.linalg.norm(change, axis=1).mean(),
                       "change_inside": ((change @ basis)**2).sum() / (change**2).sum() if m else None})
    return {"layer": layer, "positions": control.positions, **size, "tokens": len(plain), "count": count,
            "explained": explained[count - 1], "plain_norm": norms.mean(), "plain_distance": distance(plain).mean(),
            "points": points}


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def compare(made, kept, where=""):
    if isinstance(made, (dict, list)):
        keys = made.keys() if isinstance(made, dict) else range(len(made))
        assert len(made) == len(kept), where
        for key in keys:
            compare(made[key], kept[key], f"{where}.{key}")
    elif isinstance(made, float):
        if abs(made - kept) > DRIFT * max(abs(kept), 1e-6):
            raise SystemExit(f"{where}: {made} instead of {kept}")
    elif made != kept:
        raise SystemExit(f"{where}: {made} instead of {kept}")


def main():
    torch.set_num_threads(1)
    tokenizer, model = sweep_reference.load(sys.argv[1])
    questions = [pair[0] for pair in sweep_reference.read_pairs("psychopathy", QUESTIONS)]
    texts = [prompt_of(tokenizer, question) for question in questions]
    signals = load_file(os.path.join(HERE, "testdata", "sweep_signals.safetensors"))
    vector = {"v": torch.from_numpy(signals["default.v"])}
    views = []
    for positions, layer, size in CASES:
        views.append(view(model, texts, sweep_reference.Control(LAYER, vector, positions), layer, size))
    made = rounded({"questions": questions, "signal_layer": LAYER, "views": views})
    if sys.argv[2:] == ["--check"]:
        with open(GOLDENS, encoding="utf-8") as file:
            compare(made, json.load(file))
        print(f"{len(views)} views made again")
        return
    for one in views:
        # What the view is about must be felt in the goldens.
        ratios = {point["multiplier"]: point["distance_ratio"] for point in one["points"]}
        if not (ratios[0] == 1 and ratios[4] > ratios[0.5] + 0.05 > 1):
            raise SystemExit(f"layer {one['layer']}, {one['positions']}: distances {ratios} tell nothing")
    with open(GOLDENS, "w", encoding="utf-8") as file:
        json.dump(made, file, ensure_ascii=False, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
