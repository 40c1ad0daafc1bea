#!/usr/bin/env python3
"""Writes testdata/sweep_goldens.jsonl and testdata/sweep_signals.safetensors: losses and odds of real pairs under steering.

For the first pairs of PowerSeeking and Psychopathy, two models (the default one by its chat template; Gemma-3-270M, a base
model, as question and answer), some controls with seeded tensors and five multipliers: the log-probability of each answer in
each of its two spellings (with a space before it and without) and its tokens, as a plain loop over transformers in f32 gives
them (sweep_reference.py), and preference and utility log-odds, from the formulas as the paper (2.1) writes them, in fp64.
Before anything is written, every control and every choice of positions must be felt.

usage: make_sweep_goldens.py DEFAULT_FOLDER GEMMA.gguf            writes the goldens
       make_sweep_goldens.py DEFAULT_FOLDER GEMMA.gguf --check    makes one pair for every model and case again and compares
"""
import json
import math
import os
import sys

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

import sweep_reference
from sweep_reference import Control

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDENS = os.path.join(HERE, "testdata", "sweep_goldens.jsonl")
SIGNALS = os.path.join(HERE, "testdata", "sweep_signals.safetensors")
SETS, MULTIPLIERS = ["power_seeking", "psychopathy"], [-1.5, -0.5, 0.0, 0.75, 2.0]
PAIRS, OTHER_PAIRS = 6, 2  # of each set: with a vector everywhere, with another control
VECTOR_LAYER, LORA_LAYER, GEMMA_LAYER = 14, 20, 9
# A change that is to be felt moves some loss by a hundred times what the comparison allows per token; drift is half of that.
FELT, DRIFT = 1e-1, 5e-4


def draw_signals():
    rng = np.random.default_rng(2343)

    def draw(*shape, scale):
        return (rng.normal(size=shape) * scale).astype(np.float32)

    return {"default.v": draw(576, scale=2.0), "default.A": draw(2, 1536, scale=0.2), "default.B": draw(576, 2, scale=0.5),
            "gemma.v": draw(640, scale=8.0)}


def cases(signals):
    """model -> case -> controls"""
    tensors = {name: torch.from_numpy(value) for name, value in signals.items()}
    vector, lora = {"v": tensors["default.v"]}, {"A": tensors["default.A"], "B": tensors["default.B"]}
    gemma = {"v": tensors["gemma.v"]}
    return {
        "default": {
            "vector": [Control(VECTOR_LAYER, vector)],
            "vector after_head": [Control(VECTOR_LAYER, vector, "after_head")],
            "vector generated": [Control(VECTOR_LAYER, vector, "generated")],
            "lora": [Control(LORA_LAYER, lora)],
            "both": [Control(VECTOR_LAYER, vector, "after_head"), Control(LORA_LAYER, lora, "generated", factor=-0.5)],
        },
        "gemma": {
            "vector": [Control(GEMMA_LAYER, gemma)],
            "vector generated": [Control(GEMMA_LAYER, gemma, "generated")],
        },
    }


def spellings(answer, chat):
    """The given one first; behind "Answer:" that is the one with a space, whatever the data set has."""
    bare = answer.removeprefix(" ")
    given, other = (answer, bare) if answer != bare else (answer, " " + answer)
    return [given, other] if chat else [" " + bare, bare]


def odds(positive, negative):
    """PrefOdds and UtilOdds of two losses; None where the masses reach 1."""
    mass = math.exp(-positive) + math.exp(-negative)
    return [negative - positive, math.log(mass / (1 - mass)) if mass < 1 else None]


def measure(name, tokenizer, model, pair, controls):
    chat = name == "default"
    join = sweep_reference.chat_text if chat else sweep_reference.question_text
    tokens, log_probs = [], []  # [answer][spelling], [answer][spelling][multiplier]
    for answer in pair[1:]:
        texts = [join(tokenizer, pair[0], spelling) for spelling in spellings(answer, chat)]
        tokens.append([text.answer_tokens for text in texts])
        log_probs.append([[sweep_reference.log_probability(model, text, controls, m) for m in MULTIPLIERS] for text in texts])
    plain = MULTIPLIERS.index(0)
    chosen = [max(range(2), key=lambda i, one=one: one[i][plain]) for one in log_probs]
    made = {"tokens": tokens, "log_probs": log_probs, "chosen": chosen, "given": [], "both": []}
    for m in range(len(MULTIPLIERS)):
        made["given"].append({"sum": odds(*(-one[0][m] for one in log_probs)),
                              "mean": odds(*(-one[0][m] / count[0] for one, count in zip(log_probs, tokens)))})
        made["both"].append({"sum": odds(*(-math.log(math.exp(one[0][m]) + math.exp(one[1][m])) for one in log_probs)),
                             "mean": odds(*(-one[i][m] / count[i] for one, count, i in zip(log_probs, tokens, chosen)))})
    return made


def rounded(value):
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return {key: rounded(one) for key, one in value.items()} if isinstance(value, dict) else value


def make(paths, signals, sets, pairs):
    for name, controls_of in cases(signals).items():
        tokenizer, model = sweep_reference.load(paths[name])
        for data_set in sets:
            for row, pair in enumerate(sweep_reference.read_pairs(data_set, pairs)):
                for case, controls in controls_of.items():
                    if row >= OTHER_PAIRS and case != "vector":
                        continue
                    yield {"model": name, "case": case, "set": data_set, "row": row, "question": pair[0], "positive": pair[1],
                           "negative": pair[2], "multipliers": MULTIPLIERS,
                           **rounded(measure(name, tokenizer, model, pair, controls))}


def per_token(line):
    """[answer, spelling, multiplier]"""
    return np.array(line["log_probs"]) / np.array(line["tokens"])[:, :, None]


def check_felt(lines):
    """Every multiplier differs from 0 and every case from every other."""
    plain = MULTIPLIERS.index(0)
    for model in {line["model"] for line in lines}:
        by_case = {}
        for line in lines:
            if line["model"] == model and line["row"] < OTHER_PAIRS:
                by_case.setdefault(line["case"], []).append(per_token(line))
        names = list(by_case)
        # [case, pair, answer, spelling, multiplier]
        losses = np.array([by_case[name] for name in names])
        for i, name in enumerate(names):
            for m in range(len(MULTIPLIERS)):
                change = np.abs(losses[i, ..., m] - losses[i, ..., plain]).max()
                if m != plain and change < FELT:
                    raise SystemExit(f"{model}, {name}: multiplier {MULTIPLIERS[m]} changes a loss by {change:.2g} only")
            for j in range(i):
                if (change := np.abs(losses[i] - losses[j]).max()) < FELT:
                    raise SystemExit(f"{model}: {name} differs from {names[j]} by {change:.2g} only")


def check(made, kept):
    kept = {(line["model"], line["case"], line["set"], line["row"]): line for line in kept}
    worst = 0.0
    for line in made:
        key = (line["model"], line["case"], line["set"], line["row"])
        if line["tokens"] != kept[key]["tokens"]:
            raise SystemExit(f"{key}: {line['tokens']} tokens instead of {kept[key]['tokens']}")
        difference = np.abs(per_token(line) - per_token(kept[key])).max()
        worst = max(worst, difference)
        if not difference < DRIFT:
            raise SystemExit(f"{key} differs by {difference:.3g} per token")
    print(f"{len(made)} of {len(kept)} made again; largest difference per token {worst:.3g}")


def main():
    torch.set_num_threads(1)
    paths = {"default": sys.argv[1], "gemma": sys.argv[2]}
    if sys.argv[3:] == ["--check"]:
        with open(GOLDENS, encoding="utf-8") as file:
            check(list(make(paths, load_file(SIGNALS), ["psychopathy"], 1)), [json.loads(line) for line in file])
        return
    signals = draw_signals()
    lines = list(make(paths, signals, SETS, PAIRS))
    check_felt(lines)
    save_file(signals, SIGNALS)
    with open(GOLDENS, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


if __name__ == "__main__":
    main()
