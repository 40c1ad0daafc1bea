#!/usr/bin/env python3
"""Trains a vector, a LoRA or a local weight as arXiv 2602.02343 does, in torch over transformers, f32 on the CPU.

The signal acts at the output of one block; LoRA and local weight read the middle of that block's MLP. Every token is
steered, but for a vector, which leaves out the head of the chat template, as the published code has it. RePS takes a vector
out of what leaves the block, instead of adding it, where the negative answer is to win. Only what lies above the block depends
on the signal: block output and MLP middle of every text are computed once and kept. Nothing here knows the service, so that it
can be a reference for it; only the file that comes out is in its native format.

What chance decides is drawn first and told (`schedule`), so that another implementation can do the same steps. There is no
dropout for the same reason.

usage: train_reference.py MODEL PAIRS.jsonl OUT.safetensors [--kind lora] [--objective split] [--steps 100] [...]
"""
import argparse
import json
import math
import pathlib
import random
import sys
import time

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "parity")]
import objectives
import sweep_reference

DEFAULTS = {
    "kind": "lora", "objective": "split", "layer": None, "rank": 4, "steps": 100, "batch": 4, "learning_rate": 0.01,
    "seed": 42, "factors": [round(0.2 * i, 1) for i in range(1, 11)], "lambda_p": 1.0, "lambda_n": 0.5, "gamma": 5.0,
    "theta": 0.4, "beta": 1.0, "kappa": 1.0, "clip": 1.0,
}


class Example:
    """One text, and what the steered block makes of it without the signal."""

    def __init__(self, model, layer, text):
        self.text = text
        mid = []
        hook = model.model.layers[layer].mlp.down_proj.register_forward_pre_hook(lambda _, inputs: mid.append(inputs[0][0]))
        with torch.no_grad():
            hidden = run_blocks(model, model.model.embed_tokens(text.ids), 0, layer + 1)
        hook.remove()
        self.block_out, self.mlp_mid = hidden[0], mid[0]  # [tokens, hidden], [tokens, ffn]
        self.answer_tokens = text.ids.shape[1] - text.prompt_length
        self.plain = None  # the plain model's log-probability of the answer, once it is asked for


def run_blocks(model, hidden, first, last):
    """Blocks first .. last - 1 on [texts, tokens, hidden]. Padding stands at the end, where causal attention never looks."""
    position_ids = torch.arange(hidden.shape[1])[None]
    rotary = model.model.rotary_emb(hidden, position_ids)
    for block in model.model.layers[first:last]:
        output = block(hidden, attention_mask=None, position_ids=position_ids, position_embeddings=rotary)
        hidden = output[0] if isinstance(output, tuple) else output
    return hidden


def new_parameters(settings, hidden, ffn):
    """The published starts: LoRA's A uniform in 1/sqrt(rank), a vector in 1/sqrt(hidden), everything else 0."""
    generator = torch.Generator().manual_seed(settings["seed"])

    def uniform(shape, bound):
        return (torch.rand(shape, generator=generator) * 2 - 1) * bound

    rank = settings["rank"]
    return {
        "vector": lambda: {"v": uniform((hidden,), 1 / math.sqrt(hidden))},
        "lora": lambda: {"A": uniform((rank, ffn), 1 / math.sqrt(rank)), "B": torch.zeros(hidden, rank)},
        "local_weight": lambda: {"dW": torch.zeros(hidden, ffn), "db": torch.zeros(hidden)},
    }[settings["kind"]]()


def change(parameters, mid):
    """What the signal adds at m = 1 to rows whose MLP middle is `mid` [..., ffn]. A LoRA has no further scale."""
    if "v" in parameters:
        return parameters["v"].expand(*mid.shape[:-1], -1)
    if "A" in parameters:
        return mid @ parameters["A"].T @ parameters["B"].T
    return mid @ parameters["dW"].T + parameters["db"]


def log_probs_of(model, layer, parameters, examples, factors):
    """Sums of the log-probabilities of the examples' answers [examples], each steered by its own factor; None nulls out."""
    pad = torch.nn.utils.rnn.pad_sequence
    hidden = pad([example.block_out for example in examples], batch_first=True)
    mid = pad([example.mlp_mid for example in examples], batch_first=True)
    acts = torch.zeros(*hidden.shape[:2], 1)
    nulled = torch.zeros(*hidden.shape[:2], 1)
    for row, (example, factor) in enumerate(zip(examples, factors)):
        steered = slice(example.text.head_length if "v" in parameters else 0, None)
        (acts if factor is not None else nulled)[row, steered] = 1.0 if factor is None else factor
    steered = hidden + acts * change(parameters, mid)
    if nulled.any():
        v = parameters["v"]
        steered = steered - nulled * (torch.relu(hidden @ v) / v.square().sum()).unsqueeze(-1) * v
    out = model.model.norm(run_blocks(model, steered, layer + 1, None))
    rows = [out[i, e.text.prompt_length - 1:e.text.ids.shape[1] - 1] for i, e in enumerate(examples)]
    targets = torch.cat([e.text.ids[0, e.text.prompt_length:] for e in examples])
    log_probs = model.lm_head(torch.cat(rows)).float().log_softmax(-1).gather(1, targets[:, None])[:, 0]
    return torch.stack([part.sum() for part in log_probs.split([e.answer_tokens for e in examples])])


def plain_log_prob(model, layer, example):
    """The answer's in the model without a signal."""
    with torch.no_grad():
        return log_probs_of(model, layer, {"v": torch.zeros(example.block_out.shape[1])}, [example], [0.0]).item()


def draw_schedule(pairs, settings):
    """Per step a list of [pair, sign, factor of the winning answer, factor of the losing one].

    Sign +1: the positive answer wins. Every pair comes with both signs before any comes again; factors are drawn apart for
    the two answers of a pair.
    """
    draw = random.Random(settings["seed"])
    rows, schedule = [], []
    for _ in range(settings["steps"]):
        if len(rows) < settings["batch"]:
            fresh = [(pair, sign) for pair in range(pairs) for sign in (1, -1)]
            draw.shuffle(fresh)
            rows += fresh
        batch, rows = rows[:settings["batch"]], rows[settings["batch"]:]
        schedule.append([[pair, sign, sign * draw.choice(settings["factors"]), sign * draw.choice(settings["factors"])]
                         for pair, sign in batch])
    return schedule


def objective_of(model, layer, parameters, examples, step, settings):
    """(the objective, the losses it is made of) of a step of the schedule; `examples` has (positive, negative) by pair."""
    nulls_out = settings["objective"] == "reps" and "v" in parameters
    numbers = {name: settings[name] for name in ("lambda_p", "lambda_n", "gamma", "theta", "beta", "kappa")}

    def answers(which, factor_at):
        """(sums, tokens, the plain model's sums) of the answers that are to win (which = 0) or to lose (1)."""
        rows = [examples[row[0]][which if row[1] > 0 else 1 - which] for row in step]
        factors = [None if nulls_out and row[1] < 0 else row[factor_at] for row in step]
        sums = log_probs_of(model, layer, parameters, rows, factors)
        plain = torch.tensor([row.plain for row in rows]) if settings["objective"] in ("reps", "dpo") else None
        return sums, torch.tensor([float(row.answer_tokens) for row in rows]), plain

    winning, winning_tokens, plain_winning = answers(0, 2)
    winning_loss = objectives.pooled_loss(winning, winning_tokens)
    if settings["objective"] == "sft":
        return objectives.sft_loss(winning_loss), [winning_loss]
    losing, losing_tokens, plain_losing = answers(1, 3)
    losses = [winning_loss, objectives.pooled_loss(losing, losing_tokens)]
    if settings["objective"] == "split":
        objective = objectives.split_loss(*losses, *(numbers[name] for name in ("lambda_p", "lambda_n", "gamma", "theta")))
    elif settings["objective"] == "reps":
        objective = objectives.reps_loss(winning, losing, winning_tokens, losing_tokens, plain_winning, plain_losing,
                                         numbers["beta"], numbers["kappa"])
    else:
        objective = objectives.dpo_loss(winning, losing, plain_winning, plain_losing, numbers["beta"])
    return objective, losses


def train(tokenizer, model, pairs, settings, tell=lambda done, total: None, stop_after=None):
    """(tensors, log). `pairs` are (question, positive, negative); `tell` hears of every example and step; `stop_after`: so
    many steps are enough.
    """
    settings = {**DEFAULTS, **settings}
    config = model.config
    layer = config.num_hidden_layers // 2 if settings["layer"] is None else settings["layer"]
    model.requires_grad_(False)
    schedule = draw_schedule(len(pairs), settings)
    used = sorted({row[0] for step in schedule for row in step})
    begin, total, examples = time.monotonic(), len(used) + len(schedule), {}
    for pair in used:
        question, *answers = pairs[pair]
        examples[pair] = [Example(model, layer, sweep_reference.chat_text(tokenizer, question, answer)) for answer in answers]
        if settings["objective"] in ("reps", "dpo"):
            for example in examples[pair]:
                example.plain = plain_log_prob(model, layer, example)
        tell(len(examples), total)
    parameters = new_parameters(settings, config.hidden_size, config.intermediate_size)
    for tensor in parameters.values():
        tensor.requires_grad_()
    optimizer = torch.optim.AdamW(parameters.values(), lr=settings["learning_rate"], weight_decay=0)
    decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / len(schedule))
    steps = []
    for number, step in enumerate(schedule[:stop_after]):
        objective, losses = objective_of(model, layer, parameters, examples, step, settings)
        optimizer.zero_grad()
        objective.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), settings["clip"])
        optimizer.step()
        decay.step()
        steps.append([round(value.item(), 5) for value in (objective, norm, *losses)])
        tell(len(used) + number + 1, total)
    log = {"layer": layer, "settings": settings, "pairs_used": len(used), "seconds": round(time.monotonic() - begin, 1),
           "steps": steps, "schedule": schedule}
    return {name: tensor.detach() for name, tensor in parameters.items()}, log


def save_signal(path, kind, layer, tensors):
    """The service's native format."""
    site = f"layers.{layer}.block_out"
    metadata = {"format": "control-signal/1", "kind": kind}
    if kind != "vector":
        metadata["reads"] = json.dumps({site: "mlp_mid"})
    save_file({f"{site}.{name}": tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="GGUF file, or a folder that transformers reads")
    parser.add_argument("pairs", help="JSON lines of question, positive, negative")
    parser.add_argument("out")
    for name, default in DEFAULTS.items():
        if name == "factors":
            continue
        kind = int if name == "layer" else type(default)
        parser.add_argument("--" + name.replace("_", "-"), type=kind, default=default)
    args = vars(parser.parse_args())
    torch.set_num_threads(1)
    tokenizer, model = sweep_reference.load(args.pop("model"), attention="sdpa")
    lines = pathlib.Path(args.pop("pairs")).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    out = args.pop("out")
    tensors, log = train(tokenizer, model, [(row["question"], row["positive"], row["negative"]) for row in rows], args)
    save_signal(out, args["kind"], log["layer"], tensors)
    for number, (objective, norm, *losses) in enumerate(log["steps"]):
        made_of = " ".join(f"{loss:.3f}" for loss in losses)
        print(f"step {number + 1}: objective {objective:.3f}, gradient {norm:.3g}, losses {made_of}")


if __name__ == "__main__":
    main()
