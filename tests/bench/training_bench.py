#!/usr/bin/env python3
"""A SPLIT vector trained by steerd against a plain transformers loop on the same pairs, in one run on the same threads.

The loop: AdamW, a forward hook that adds the vector behind a middle block; per step one padded batch of the winning
answers and one of the losing ones through the whole model, logits of every position, a backward pass; once in each type, the
vector in f32. Its first losses in f32 must be those of tests/paper/train_reference.py, with which steerd's trainer is compared step
by step in tests/parity. steerd: a job over
gRPC, pairs as text. Its order of pairs and factors is its own, drawn alike. The loop runs fewer steps, all of which cost the
same; steerd's whole run counts, what it computes once per answer included.

usage: training_bench.py STEERD MODEL.gguf [--pairs 128] [--steps 250] [--loop-steps 20] [--data psychopathy] [--threads 1] [--dtypes f32]
"""
import argparse
import contextlib
import json
import os
import pathlib
import platform
import runpy
import sys
import time

import grpc
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent / folder) for folder in ("integration", "parity", "paper")] + [str(HERE)]
import objectives
import sweep_reference
import train_reference
from steerd_process import SteerdProcess

EXAMPLE = runpy.run_path(str(HERE.parents[1] / "client/python/example.py"))  # makes the stubs
from steer.v1 import analysis_pb2, learning_pb2, learning_pb2_grpc

FACTORS = [2.0 * i for i in range(1, 11)]


class Loop:
    """The straightforward way."""

    def __init__(self, tokenizer, model, pairs, settings):
        self.model, self.settings = model, settings
        self.texts = [[sweep_reference.chat_text(tokenizer, question, answer) for answer in answers] for question, *answers in pairs]
        self.v = train_reference.new_parameters(settings, model.config.hidden_size, model.config.intermediate_size)["v"]
        self.v.requires_grad_()
        self.acts = None
        self.remove = model.model.layers[settings["layer"]].register_forward_hook(self.add).remove

    def add(self, _, __, output):
        hidden = output[0] if isinstance(output, tuple) else output
        hidden = hidden + (self.acts * self.v).to(hidden.dtype)
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    def loss(self, texts, factors):
        longest = max(text.ids.shape[1] for text in texts)
        ids, labels = torch.zeros(len(texts), longest, dtype=torch.long), torch.full((len(texts), longest), -100)
        mask, self.acts = torch.zeros(len(texts), longest, dtype=torch.long), torch.zeros(len(texts), longest, 1)
        for row, (text, factor) in enumerate(zip(texts, factors)):
            length = text.ids.shape[1]
            ids[row, :length], mask[row, :length] = text.ids[0], 1
            labels[row, text.prompt_length:length] = text.ids[0, text.prompt_length:]
            self.acts[row, text.head_length:length] = factor
        return self.model(input_ids=ids, attention_mask=mask, labels=labels).loss

    def run(self, schedule):
        optimizer = torch.optim.AdamW([self.v], lr=self.settings["learning_rate"], weight_decay=0)
        losses = []
        for step in schedule:
            winning = self.loss([self.texts[row[0]][0 if row[1] > 0 else 1] for row in step], [row[2] for row in step])
            losing = self.loss([self.texts[row[0]][1 if row[1] > 0 else 0] for row in step], [row[3] for row in step])
            objective = objectives.split_loss(winning, losing)
            optimizer.zero_grad()
            objective.backward()
            torch.nn.utils.clip_grad_norm_([self.v], 1.0)
            optimizer.step()
            losses.append(objective.item())
        return losses


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def learn(process, pairs, steps):
    """(elapsed seconds, CPU seconds, MiB that the peak rose by, the finished job)"""
    channel = grpc.insecure_channel(process.address, [("grpc.enable_http_proxy", 0)])
    learning = learning_pb2_grpc.LearningServiceStub(channel)
    polar = [analysis_pb2.PolarPair(question=question.encode(), positive=positive.encode(), negative=negative.encode())
             for question, positive, negative in pairs]
    request = learning_pb2.StartJobRequest(
        pairs=polar, training=learning_pb2.Training(kind="vector", steps=steps, factors=FACTORS, split=learning_pb2.Split()))
    before, cpu, begin = peak_mib(process.pid), cpu_seconds(process.pid), time.monotonic()
    for job in learning.WatchJob(learning_pb2.WatchJobRequest(id=learning.StartJob(request).id)):
        pass
    if job.state != learning_pb2.Job.SUCCEEDED:
        raise SystemExit(f"the job ended otherwise: {job}")
    return time.monotonic() - begin, cpu_seconds(process.pid) - cpu, peak_mib(process.pid) - before, job


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steerd")
    parser.add_argument("model")
    parser.add_argument("--pairs", type=int, default=128)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--loop-steps", type=int, default=20)
    parser.add_argument("--data", default="psychopathy", choices=["psychopathy", "power_seeking"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtypes", nargs="+", default=["f32", "bf16"])
    args = parser.parse_args()
    os.environ.update(STEERD_BINARY=args.steerd, STEER_TEST_MODEL=args.model)
    torch.set_num_threads(args.threads)
    pairs = sweep_reference.read_pairs(args.data, args.pairs)
    tokenizer, model = sweep_reference.load(args.model, attention="sdpa")
    model.requires_grad_(False)
    settings = {**train_reference.DEFAULTS, "kind": "vector", "objective": "split", "learning_rate": 0.08, "factors": FACTORS,
                "steps": args.steps, "layer": model.config.num_hidden_layers // 2}
    schedule = train_reference.draw_schedule(args.pairs, settings)[:args.loop_steps]
    _, log = train_reference.train(tokenizer, model, pairs, settings, stop_after=2)

    rows, loop_cpu = [], {}
    for dtype in args.dtypes:
        model.to({"f32": torch.float32, "bf16": torch.bfloat16}[dtype])
        loop = Loop(tokenizer, model, pairs, settings)
        begin, cpu = time.monotonic(), time.process_time()
        losses = loop.run(schedule)
        loop_cpu[dtype] = (time.process_time() - cpu) / args.loop_steps
        rows.append({"case": f"the loop, {dtype}", "dtype": dtype, "steps": args.loop_steps,
                     "seconds_a_step": (time.monotonic() - begin) / args.loop_steps, "cpu_seconds_a_step": loop_cpu[dtype]})
        loop.remove()
        for (expected, *_), loss in zip(log["steps"], losses):
            if dtype == "f32" and abs(expected - loss) > 1e-3 * max(1, expected):
                raise SystemExit(f"the loop does other steps: {loss} where the reference has {expected}")
    for dtype in args.dtypes:
        with contextlib.ExitStack() as stack:
            process = stack.enter_context(SteerdProcess("--threads", str(args.threads), "--kv-cache-mib", "64", "--dtype", dtype))
            seconds, cpu, mib, job = learn(process, pairs, args.steps)
            rows.append({"case": f"steerd, {dtype}", "dtype": dtype, "steps": args.steps, "seconds_a_step": seconds / args.steps,
                         "cpu_seconds_a_step": cpu / args.steps, "peak_rose_by_mib": mib, "loss": job.results["loss"]})
    for row in rows:
        row["times"] = loop_cpu[row["dtype"]] / row["cpu_seconds_a_step"]
        print("{case:18} {steps:4} steps  {seconds_a_step:7.3f} s a step  {cpu_seconds_a_step:7.3f} CPU s  {times:5.1f} times"
              .format(**row), f"  peak +{row['peak_rose_by_mib']:.0f} MiB" if "peak_rose_by_mib" in row else "")
    out = {"machine": platform.processor() or platform.machine(), "threads": args.threads, "data": args.data, "pairs": args.pairs,
           "rows": rows}
    (HERE / "training_results.json").write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
