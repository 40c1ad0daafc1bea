#!/usr/bin/env python3
"""Writes testdata/decoder_goldens.safetensors: what transformers computes in f32 on the default model's own GGUF weights;
with --gemma, testdata/gemma_goldens.safetensors on those of Gemma-3-270M.

For each of 20 prompts of 8 to 512 tokens (Gemma: 8 that cross its window of 512): the final logits (every 16th or 64th of
the vocabulary, the 256 largest, and the log of the sum of exponentials of all of them, so that no logit is outside the
comparison), the log-probability of every prompt token, and 64 (24) greedy tokens with the margin between the two best at
each step.

usage: make_decoder_goldens.py [--gemma] MODEL.gguf
"""
import argparse
import dataclasses
import os

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXT = """The harbour woke before the town did. Fishermen checked their nets under yellow lamps, gulls argued over scraps, and
the tide went about its business as it had for ten thousand years. A boy named Tomas counted the boats as they left, one
finger for each, and when he ran out of fingers he began again. His grandmother sold coffee from a cart with a crooked
wheel. "Why do you count them?" she asked. "So that I know how many must come back," he said.

def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a

In 1905, Albert Einstein published four papers that changed physics: on the photoelectric effect, on Brownian motion, on
special relativity, and on the equivalence of mass and energy, E = mc^2. Wasser besteht aus Wasserstoff und Sauerstoff.
La mer est calme ce matin, et le vent vient du nord. 東京は日本の首都です。 1, 2, 3, 5, 8, 13, 21, 34, 55, 89.
"""
HERE = os.path.dirname(os.path.abspath(__file__))


@dataclasses.dataclass
class Plan:
    name: str
    text: str
    lengths: list
    step: int    # between two prompts' beginnings
    greedy: int
    stride: int  # of the logits kept


def default_plan():
    return Plan("decoder_goldens", TEXT * 4, [8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 48, 64, 65, 100, 128, 200, 256, 300, 511, 512],
                7, 64, 16)


def gemma_plan():
    with open(os.path.join(HERE, "../../LICENSE"), encoding="utf-8") as licence:
        text = TEXT + licence.read()
    return Plan("gemma_goldens", text, [513, 520, 544, 576, 600, 640, 701, 768], 230, 24, 64)


def check_gemma(model):
    """What the GGUF file does not say and transformers fills in: as the model's authors published it."""
    config = model.config
    layers = ["full_attention" if (i + 1) % 6 == 0 else "sliding_attention" for i in range(18)]
    rope = {kind: config.rope_parameters[kind] for kind in ("sliding_attention", "full_attention")}
    expected = [(config.model_type, "gemma3_text"), (config.layer_types, layers), (config.sliding_window, 512),
                (rope["sliding_attention"], {"rope_type": "default", "rope_theta": 10000.0}),
                (rope["full_attention"], {"rope_type": "default", "rope_theta": 1000000.0}),
                (config.query_pre_attn_scalar, 256), (config.head_dim, 256), (config.tie_word_embeddings, True)]
    for value, wanted in expected:
        if value != wanted:
            raise SystemExit(f"transformers reads {value} where {wanted} is right")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--gemma", action="store_true")
    args = parser.parse_args()
    plan = gemma_plan() if args.gemma else default_plan()
    folder, name = os.path.split(os.path.abspath(args.model))
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32, attn_implementation="eager")
    model.eval()
    if args.gemma:
        check_gemma(model)
    # Gemma was never trained without its first token.
    first = [tokenizer.bos_token_id] if args.gemma else []
    ids = tokenizer(plan.text, add_special_tokens=False)["input_ids"]
    tensors = {}
    with torch.no_grad():
        for index, length in enumerate(plan.lengths):
            start = plan.step * index
            prompt = torch.tensor([(first + ids[start:])[:length]])
            assert prompt.shape[1] == length
            logits = model(prompt).logits[0].double()
            last = logits[-1]
            picked = torch.cat([torch.arange(0, last.numel(), plan.stride), last.topk(256).indices]).unique()
            targets = prompt[0, 1:]
            log_probs = logits[:-1].log_softmax(-1).gather(1, targets[:, None])[:, 0]
            out = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=plan.greedy,
                                 min_new_tokens=plan.greedy, do_sample=False, output_logits=True,
                                 return_dict_in_generate=True, eos_token_id=None, pad_token_id=0, repetition_penalty=1.0)
            two = torch.stack([step[0] for step in out.logits]).double().topk(2).values
            key = f"{index:02d}"
            tensors[f"{key}.prompt"] = prompt[0].to(torch.int32).numpy()
            tensors[f"{key}.logit_ids"] = picked.to(torch.int32).numpy()
            tensors[f"{key}.logits"] = last[picked].float().numpy()
            tensors[f"{key}.log_sum_exp"] = last.logsumexp(0).float().reshape(1).numpy()
            tensors[f"{key}.log_probs"] = log_probs.float().numpy()
            tensors[f"{key}.greedy"] = out.sequences[0, length:].to(torch.int32).numpy()
            tensors[f"{key}.greedy_margin"] = (two[:, 0] - two[:, 1]).float().numpy()
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()},
              os.path.join(HERE, "testdata", plan.name + ".safetensors"))


if __name__ == "__main__":
    main()
