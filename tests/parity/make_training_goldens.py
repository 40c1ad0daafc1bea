#!/usr/bin/env python3
"""Writes testdata/training_goldens.jsonl and testdata/training_starts.safetensors: the losses of short training runs.

Each case trains a signal for 20 steps on real pairs with tests/paper/train_reference.py, which is torch over transformers in
f32 and knows nothing of the service: SFT, SPLIT, RePS and DPO with vectors, LoRAs and local weights. A line has everything
another implementation needs to do the same steps: the tokens, the order of the pairs, the factors; the starts are beside it.

usage: make_training_goldens.py DEFAULT_FOLDER             writes the goldens
       make_training_goldens.py DEFAULT_FOLDER --check     runs the first steps of every case again and compares
"""
import json
import pathlib
import sys

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "paper")]
import sweep_reference
import train_reference

GOLDENS, STARTS = HERE / "testdata/training_goldens.jsonl", HERE / "testdata/training_starts.safetensors"
LAYER, STEPS, CHECKED_STEPS, PAIRS = 24, 20, 2, 6
VECTOR = {"kind": "vector", "learning_rate": 0.08, "factors": [2.0 * i for i in range(1, 11)]}
LORA = {"kind": "lora", "learning_rate": 0.01}
# AdamW turns gradients that are rounding into steps as large as all others: at the published 0.01 two runs part by 1e-3.
LOCAL_WEIGHT = {"kind": "local_weight", "learning_rate": 0.002}
CASES = {
    "sft vector": ("power_seeking", {"objective": "sft", **VECTOR}),
    "sft local_weight": ("psychopathy", {"objective": "sft", **LOCAL_WEIGHT}),
    "split vector": ("psychopathy", {"objective": "split", **VECTOR}),
    "split lora": ("power_seeking", {"objective": "split", **LORA}),
    "split local_weight": ("psychopathy", {"objective": "split", **LOCAL_WEIGHT}),
    "reps vector": ("psychopathy", {"objective": "reps", **VECTOR}),
    "reps lora": ("psychopathy", {"objective": "reps", **LORA}),
    "dpo lora": ("psychopathy", {"objective": "dpo", "beta": 0.1, **LORA, "factors": [1.0]}),
}
# Sums of the same numbers in another order; what a step is away from the goldens of another machine.
DRIFT = 5e-4


def settings_of(case):
    return {**train_reference.DEFAULTS, **CASES[case][1], "layer": LAYER, "batch": 2, "steps": STEPS}


def run(tokenizer, model, case, steps):
    """(line, starting tensors) of a case; the schedule is that of all steps however many are run."""
    settings = settings_of(case)
    pairs = sweep_reference.read_pairs(CASES[case][0], PAIRS)
    starts = train_reference.new_parameters(settings, model.config.hidden_size, model.config.intermediate_size)
    starts = {name: tensor.clone() for name, tensor in starts.items()}
    _, log = train_reference.train(tokenizer, model, pairs, settings, stop_after=steps)
    texts = [[sweep_reference.chat_text(tokenizer, question, answer) for answer in answers] for question, *answers in pairs]
    line = {"case": case, "settings": {name: settings[name] for name in sorted(settings)},
            "pairs": [[{"tokens": text.ids[0].tolist(), "prompt_length": text.prompt_length, "head_length": text.head_length}
                       for text in pair] for pair in texts],
            "schedule": log["schedule"], "steps": log["steps"]}
    return line, starts


def main():
    torch.set_num_threads(1)
    tokenizer, model = sweep_reference.load(sys.argv[1], attention="sdpa")
    if "--check" in sys.argv[2:]:
        goldens = [json.loads(line) for line in GOLDENS.read_text(encoding="utf-8").splitlines()]
        if [golden["case"] for golden in goldens] != list(CASES):
            raise SystemExit("other cases than those recorded")
        for golden in goldens:
            line, _ = run(tokenizer, model, golden["case"], CHECKED_STEPS)
            for step, (made, recorded) in enumerate(zip(line["steps"], golden["steps"])):
                for name, a, b in zip(("objective", "gradient norm", "winning", "losing"), made, recorded):
                    if abs(a - b) > DRIFT * max(1, abs(b)):
                        raise SystemExit(f"{golden['case']}, step {step}: {name} {a} is recorded as {b}")
        print(f"{len(goldens)} runs begin as recorded")
        return
    lines, tensors = [], {}
    for case in CASES:
        line, starts = run(tokenizer, model, case, STEPS)
        first, last = line["steps"][0][0], line["steps"][-1][0]
        print(f"{case}: objective {first} .. {last}")
        lines.append(json.dumps(line))
        # A start of zeros is told by its absence.
        tensors |= {f"{case}.{name}": tensor for name, tensor in starts.items() if tensor.any()}
    GOLDENS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    save_file(tensors, STARTS)


if __name__ == "__main__":
    main()
