#!/usr/bin/env python3
"""Writes testdata/sampler.jsonl: which tokens may be drawn, and with which probabilities, as transformers sees it.

48 seeded cases over 200 tokens, each with a few knobs on. Order: repetition penalty (transformers), presence and frequency
penalty, bias, banned end tokens (numpy: transformers has no such penalties, and its bias and minimum length are the same
additions), then temperature, top-k, top-p, min-p (transformers). Everything is computed in f64 on f32 logits.

Where transformers differs from core/engine/sampler.h, and what this script does about it:
- Top-k keeps every token that equals the k-th; we keep the lowest ids among equals. Logits here are all different.
- Top-p drops from the unlikely end what sums up to 1 - top_p or less, we keep from the likely end until top_p is reached: the
  same set but for rounding where a sum meets the border exactly. Cases within 1e-5 of a border are drawn anew.
- Min-p compares with >= on both sides; a share within 1e-5 of min_p is drawn anew, too.
- Temperature 0 is an error in transformers, where greedy search is another function; tests/engine covers ours.
- min_tokens_to_keep is 1 throughout, as with us.

usage: make_sampler_goldens.py
"""
import json
import pathlib

import numpy as np
import torch
from transformers import (MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper,
                          TopPLogitsWarper)

VOCABULARY = 200
CASES = 48
CLEARANCE = 1e-5
OUT = pathlib.Path(__file__).parent / "testdata" / "sampler.jsonl"


def draw_case(rng, index):
    """Logits, a history and a few knobs; the first five cases have one filter each."""
    def on(share):
        return rng.random() < share

    def rounded(low, high):
        return round(float(rng.uniform(low, high)), 3)

    case = {
        "logits": [round(float(x), 4) for x in rng.normal(0, rng.uniform(0.5, 2.5), VOCABULARY)],
        "prompt": [int(t) for t in rng.integers(0, VOCABULARY, rng.integers(1, 40))],
        "output": [int(t) for t in rng.integers(0, 30, rng.integers(0, 40))],
        "end_tokens": [0, 3],
    }
    knobs = {
        "temperature": lambda: rounded(0.3, 2.5),
        "top_k": lambda: int(rng.choice([1, 5, 20, 64, 65, 100, 150, 199, 200, 500])),
        "top_p": lambda: rounded(0.3, 0.999),
        "min_p": lambda: round(float(10 ** rng.uniform(-3, -0.5)), 4),
        "repetition_penalty": lambda: rounded(0.6, 1.9),
        "presence_penalty": lambda: rounded(-2, 2),
        "frequency_penalty": lambda: rounded(-1, 2),
        "logit_bias": lambda: {str(t): rounded(-5, 4) for t in rng.choice(VOCABULARY, rng.integers(1, 12), replace=False)},
        "min_tokens": lambda: int(rng.integers(1, 60)),
    }
    for number, (name, draw) in enumerate(knobs.items()):
        if (index == number) if index < 5 else on(0.5):
            case[name] = draw()
    return case


def run(processor, ids, scores):
    return processor(ids, scores.clone())


def adjusted(case):
    ids = torch.tensor([case["prompt"] + case["output"]])
    scores = torch.tensor([case["logits"]], dtype=torch.float32).double()
    if "repetition_penalty" in case:
        scores = run(RepetitionPenaltyLogitsProcessor(case["repetition_penalty"]), ids, scores)
    row = scores[0].numpy().copy()
    counts = np.bincount(np.array(case["output"], dtype=np.int64), minlength=VOCABULARY)
    row -= case.get("presence_penalty", 0) * (counts > 0) + case.get("frequency_penalty", 0) * counts
    for token, bias in case.get("logit_bias", {}).items():
        row[int(token)] += bias
    if len(case["output"]) < case.get("min_tokens", 0):
        row[case["end_tokens"]] = -np.inf
    return ids, torch.tensor(row[None])


def is_clear(scores, filter_on):
    """Whether no token is so near a border that rounding decides about it."""
    ordered = torch.sort(scores[0], descending=True).values
    ordered = ordered[torch.isfinite(ordered)]
    distances = [-torch.diff(ordered)]
    if "top_p" in filter_on:
        distances.append((ordered.softmax(-1).cumsum(-1) - filter_on["top_p"]).abs())
    if "min_p" in filter_on:
        distances.append(((ordered - ordered[0]).exp() - filter_on["min_p"]).abs())
    return all(float(d.min()) > CLEARANCE for d in distances if d.numel())


def survivors(case):
    """Probability by token, or None where a border is too near."""
    ids, scores = adjusted(case)
    warpers = []
    if "temperature" in case:
        warpers.append(({}, TemperatureLogitsWarper(case["temperature"])))
    if "top_k" in case:
        warpers.append(({}, TopKLogitsWarper(case["top_k"])))
    if "top_p" in case:
        warpers.append(({"top_p": case["top_p"]}, TopPLogitsWarper(case["top_p"])))
    if "min_p" in case:
        warpers.append(({"min_p": case["min_p"]}, MinPLogitsWarper(case["min_p"])))
    for border, warper in warpers:
        if not is_clear(scores, border):
            return None
        scores = run(warper, ids, scores)
    p = scores[0].softmax(-1)
    return {str(t): float(p[t]) for t in torch.nonzero(p > 0).flatten().tolist()}


def main():
    rng = np.random.default_rng(20240601)
    lines = []
    while len(lines) < CASES:
        case = draw_case(rng, len(lines))
        case["survivors"] = survivors(case)
        if case["survivors"] is None:
            continue
        case["survivors"] = {t: float(f"{p:.7g}") for t, p in case["survivors"].items()}
        lines.append(json.dumps(case, separators=(",", ":")))
    OUT.write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} cases, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
