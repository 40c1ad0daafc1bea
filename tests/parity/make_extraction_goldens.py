#!/usr/bin/env python3
"""Writes testdata/extraction_goldens.json and .safetensors: vectors made of activations, by every method and reading.

Texts of the default model as transformers has them in f32, read from its hidden states at tokens that are found by their
characters: real pairs with answers of a word and of a sentence, and choices between letters. Means by numpy, principal
components by its singular values, regressions by torch's L-BFGS in f64, each left-out fold for itself.

usage: make_extraction_goldens.py DEFAULT_FOLDER            writes the goldens
       make_extraction_goldens.py DEFAULT_FOLDER --check    makes them again and compares
"""
import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

import sweep_reference

HERE = pathlib.Path(__file__).resolve().parent
NUMBERS, VECTORS = HERE / "testdata/extraction_goldens.json", HERE / "testdata/extraction_goldens.safetensors"
PAIRS, FOLDS = 10, 5
# Data, layer, reading.
CASES = [("psychopathy", 14, "answer_mean"), ("psychopathy", 20, "text_mean"), ("power_seeking", 20, "answer_mean"),
         ("power_seeking", 14, "answer_first"), ("power_seeking", 14, "answer_last"), ("choices", 20, "answer_letter")]
METHODS = {"difference_of_means": {}, "principal_component": {}, "principal_component centred": {"centred": True},
           "linear_probe": {}, "linear_probe strong": {"l2": 0.05}}
# Where every method is tried; elsewhere means alone, which tell whether the right tokens are read.
THOROUGH = {("psychopathy", "answer_mean"), ("power_seeking", "answer_last"), ("choices", "answer_letter")}
DEFAULT_L2 = 0.001
DRIFT = 1e-3  # relative


def pairs_of(data):
    """(question, positive, negative); choices put the answers of Psychopathy behind letters, the right one under either."""
    if data != "choices":
        return sweep_reference.read_pairs(data, PAIRS)
    made = []
    for i, (question, positive, negative) in enumerate(sweep_reference.read_pairs("psychopathy", PAIRS)):
        first, second = (positive, negative) if i % 3 else (negative, positive)
        letters = ("(A)", "(B)") if i % 3 else ("(B)", "(A)")
        made.append((f"{question}\n\nChoices:\n (A){first}\n (B){second}", *letters))
    return made


class Read:
    """A text's activation at one layer, and the norms of its ordinary tokens."""

    def __init__(self, tokenizer, model, question, answer, layer, reading):
        user = {"role": "user", "content": question}
        opened = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
        encoded = tokenizer(opened + answer, add_special_tokens=False, return_offsets_mapping=True)
        ends = [end for _, end in encoded["offset_mapping"]]

        def token_at(character):
            return next(i for i, end in enumerate(ends) if end > character)

        answer_begin, head = token_at(len(opened)), token_at(opened.index(question))
        with torch.no_grad():
            states = model(torch.tensor([encoded["input_ids"]]), output_hidden_states=True, use_cache=False).hidden_states
        h = states[layer + 1][0].double().numpy()
        rows = {"answer_mean": slice(answer_begin, None), "answer_first": slice(answer_begin, answer_begin + 1),
                "answer_last": slice(-1, None), "text_mean": slice(head, None)}
        if reading == "answer_letter":
            letter = token_at(len(opened) + next(i for i, character in enumerate(answer) if character.isalnum()))
            rows[reading] = slice(letter, letter + 1)
        self.mean = h[rows[reading]].mean(0)
        self.norms = np.linalg.norm(h[head:], axis=1)


def probe(x, y, l2, scale):
    """(w, b, scores) of the least mean loss, to a gradient of 1e-8."""
    x, y = torch.from_numpy(x) / scale, torch.from_numpy(y)
    # The offset is free, so that a shift of all activations changes only it; without one the search takes for ever.
    shift = x.mean(0)
    w, b = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True), torch.zeros(1, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([w, b], max_iter=20000, history_size=50, tolerance_grad=1e-10, tolerance_change=0,
                               line_search_fn="strong_wolfe")

    def loss():
        search.zero_grad()
        value = torch.nn.functional.softplus(-y * ((x - shift) @ w + b)).mean() + l2 / 2 * w @ w
        value.backward()
        return value

    search.step(loss)
    loss()
    if max(w.grad.norm(), b.grad.norm()) > 1e-8:
        raise SystemExit(f"the regression did not end: a gradient of {w.grad.norm():.2g}")
    w, b = w.detach(), (b - shift @ w).item()
    return w.numpy(), b, (x @ w + b).numpy()


def learn(method, settings, positive, negative):
    """(vector, numbers)"""
    d = positive - negative
    if method.startswith("difference"):
        return d.mean(0), {}
    if method.startswith("principal"):
        rows = d - d.mean(0) if settings.get("centred") else d
        _, sigma, directions = np.linalg.svd(rows, full_matrices=False)
        v = directions[0] * np.sign(directions[0] @ d.mean(0))
        return v, {"explained_share": sigma[0]**2 / (sigma**2).sum()}
    x, y = np.concatenate([positive, negative]), np.repeat([1.0, -1.0], len(positive))
    scale, l2 = np.sqrt(((x - x.mean(0))**2).sum(1).mean()), settings.get("l2", DEFAULT_L2)
    w, _, z = probe(x, y, l2, scale)
    right = 0
    for fold in range(FOLDS):
        out = np.tile(np.arange(len(positive)) % FOLDS == fold, 2)
        fold_w, fold_b, _ = probe(x[~out], y[~out], l2, scale)
        scores = x[out] @ fold_w / scale + fold_b
        if abs(scores).min() < 1e-4:
            raise SystemExit("an activation lies on the border: take other pairs")
        right += (scores * y[out] > 0).sum()
    return w / np.linalg.norm(w), {"accuracy": (z * y > 0).mean(), "held_out_accuracy": right / len(y)}


def make(tokenizer, model):
    numbers, vectors = [], {}
    for data, layer, reading in CASES:
        pairs = pairs_of(data)
        texts = [[Read(tokenizer, model, pair[0], answer, layer, reading) for answer in pair[1:]] for pair in pairs]
        positive, negative = (np.stack([pair[side].mean for pair in texts]) for side in (0, 1))
        norms = np.concatenate([text.norms for pair in texts for text in pair])
        for method, settings in METHODS.items():
            if method != "difference_of_means" and (data, reading) not in THOROUGH:
                continue
            v, told = learn(method, settings, positive, negative)
            name = f"{data}.{layer}.{reading}.{method}"
            vectors[name] = v.astype(np.float32)
            numbers.append({"name": name, "data": data, "layer": layer, "reading": reading, "method": method.split()[0], **settings,
                            "results": {"norm": np.linalg.norm(v), "mean_activation_norm": norms.mean(),
                                        "activation_tokens": len(norms), "pairs": len(pairs),
                                        "difference_norm": np.linalg.norm((positive - negative).mean(0)), **told}})
    return {"pairs": {data: pairs_of(data) for data in ("psychopathy", "power_seeking", "choices")}, "cases": numbers}, vectors


def compare(made, vectors):
    kept, kept_vectors = json.loads(NUMBERS.read_text(encoding="utf-8")), load_file(VECTORS)
    if [case["name"] for case in kept["cases"]] != [case["name"] for case in made["cases"]]:
        raise SystemExit("other cases than those recorded")
    for case, recorded in zip(made["cases"], kept["cases"]):
        name = case["name"]
        for key, value in case["results"].items():
            if abs(value - recorded["results"][key]) > DRIFT * abs(value):
                raise SystemExit(f"{name}: {key} {value} is recorded as {recorded['results'][key]}")
        apart = np.linalg.norm(vectors[name] - kept_vectors[name]) / np.linalg.norm(kept_vectors[name])
        if apart > DRIFT:
            raise SystemExit(f"{name}: the vector is {apart} of its length from the one recorded")


def main():
    torch.set_num_threads(1)
    tokenizer, model = sweep_reference.load(sys.argv[1])
    made, vectors = make(tokenizer, model)
    made = json.loads(json.dumps(made, default=float))
    if sys.argv[2:] == ["--check"]:
        compare(made, vectors)
        print(f"{len(vectors)} vectors made again")
        return
    for case in made["cases"]:
        print(case["name"], {key: round(value, 4) for key, value in case["results"].items()})
    NUMBERS.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    save_file(vectors, VECTORS)


if __name__ == "__main__":
    main()
