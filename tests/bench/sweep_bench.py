#!/usr/bin/env python3
"""A dose curve by steerd against a plain transformers loop over the same pairs, in one run on the same threads.

The loop (tests/parity/sweep_reference.py): f32, one forward for each multiplier, pair and answer, the two answers not batched,
logits of the answer's positions alone. steerd: the Sweep call, prompts and pairs as text, over gRPC. Both take the first pairs
of Psychopathy by the chat template, and a vector behind a middle block. The losses must agree before anything is reported.
What the parts of steerd's way are worth is told by switching one off at a time:

  answers apart      each answer scored alone: the prompt is not shared
  vector at block 0  no block runs once for all multipliers
  one at a time      a step of 16 rows: no batch over multipliers

With several threads, "a pool a core" is a steerd that has a pool with one thread for each, instead of one pool with all of them.
Cases are interleaved; the ratios are of the loop's median to the case's, in time and in CPU time, which holds where others
use the machine too (with one thread: threads that wait for each other spin). Writes the raw numbers to sweep_results.json.

usage: sweep_bench.py STEERD MODEL.gguf [--pairs 64] [--multipliers 21] [--rounds 1] [--threads 2] [--whole-only]
"""
import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import runpy
import statistics
import sys
import time

import grpc
import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "integration"), str(HERE.parent / "parity"), str(HERE)]
import sweep_reference
from run_bench import cpu
from steerd_process import SteerdProcess

EXAMPLE = runpy.run_path(str(HERE.parents[1] / "client/python/example.py"))  # makes the stubs
from steer.v1 import analysis_pb2, analysis_pb2_grpc, common_pb2, model_pb2, model_pb2_grpc, signal_pb2, signal_pb2_grpc

PER_TOKEN = 1e-3  # of a loss, between the two ways


class Steerd:
    """What the cases ask of a server."""

    def __init__(self, process, vector):
        self.process = process
        channel = grpc.insecure_channel(process.address, [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", -1)])
        self.analysis = analysis_pb2_grpc.AnalysisServiceStub(channel)
        signals = signal_pb2_grpc.SignalServiceStub(channel)
        self.layers = model_pb2_grpc.ModelServiceStub(channel).GetModel(model_pb2.GetModelRequest()).layers
        self.signals = {}
        for layer in (0, self.layers // 2):
            file = EXAMPLE["vector_file"](f"layers.{layer}.block_out", vector.tolist())
            header = signal_pb2.RegisterSignalHeader(format="native", size=len(file), sha256=hashlib.sha256(file).hexdigest())
            self.signals[layer] = signals.RegisterSignal(iter([
                signal_pb2.RegisterSignalRequest(header=header), signal_pb2.RegisterSignalRequest(chunk=file)])).signal.id

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sweep(self, pairs, multipliers, both_spellings=False):
        request = analysis_pb2.SweepRequest(
            pairs=messages(pairs), control=common_pb2.Control(signal=self.signals[self.layers // 2]),
            multipliers=analysis_pb2.MultiplierGrid(values=multipliers), both_spellings=both_spellings)
        return list(self.analysis.Sweep(request))

    def score(self, pairs, multipliers, layer=None):
        """Losses summed over tokens [multiplier, pair, answer], and the answers' tokens [pair, answer]."""
        signal = self.signals[self.layers // 2 if layer is None else layer]
        request = analysis_pb2.ScoreRequest(pairs=messages(pairs), controls=[common_pb2.Control(signal=signal, multiplier=1)],
                                            multipliers=multipliers, both_spellings=False)
        points = [answer.point for answer in self.analysis.Score(request) if answer.HasField("point")]
        losses = [[[pair.sum.positive_loss, pair.sum.negative_loss] for pair in point.pairs] for point in points]
        tokens = [[pair.positive_tokens, pair.negative_tokens] for pair in points[0].pairs]
        return np.array(losses), np.array(tokens)


def messages(pairs):
    return [analysis_pb2.PolarPair(question=question.encode(), positive=positive.encode(), negative=negative.encode())
            for question, positive, negative in pairs]


def loop(tokenizer, model, control, pairs, multipliers):
    losses = []
    for multiplier in multipliers:
        losses.append([[-sweep_reference.log_probability(model, sweep_reference.chat_text(tokenizer, question, answer), [control],
                                                         multiplier) for answer in answers] for question, *answers in pairs])
    return np.array(losses)


def check(losses, expected, tokens):
    worst = (np.abs(losses - expected) / tokens).max()
    if not worst < PER_TOKEN:
        raise SystemExit(f"losses differ by {worst:.3g} per token")
    return worst


def work(tokenizer, pairs, multipliers, layers):
    """Rows times blocks of the loop, and of steerd with everything on: counted, not measured."""
    plain = fanned = 0
    for question, *answers in pairs:
        positive, negative = (sweep_reference.chat_text(tokenizer, question, answer).ids[0].tolist() for answer in answers)
        plain += (len(positive) + len(negative)) * layers * multipliers
        rows = [len(positive) - 1, len(negative) - 1]  # the last token predicts nothing that is asked
        shared = next((i for i in range(min(rows)) if positive[i] != negative[i]), min(rows))
        steered = layers - layers // 2
        fanned += (sum(rows) - shared) * (layers - steered + steered * multipliers)
    return plain / fanned


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steerd")
    parser.add_argument("model")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--multipliers", type=int, default=21)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--whole-only", action="store_true", help="nothing switched off")
    args = parser.parse_args()
    os.environ.update(STEERD_BINARY=args.steerd, STEER_TEST_MODEL=args.model)
    torch.set_num_threads(args.threads)
    pairs = sweep_reference.read_pairs("psychopathy", args.pairs)
    apart = [[(question, pair[answer], pair[answer]) for question, *pair in pairs] for answer in range(2)]
    multipliers = np.linspace(-2, 2, args.multipliers).round(6).tolist()
    tokenizer, model = sweep_reference.load(args.model, attention="sdpa")
    hidden, layers = model.config.hidden_size, model.config.num_hidden_layers
    vector = np.random.default_rng(7).normal(scale=2.0, size=hidden).astype(np.float32)
    control = sweep_reference.Control(layers // 2, {"v": torch.from_numpy(vector)})

    with contextlib.ExitStack() as stack:
        def start(*arguments):
            if "--threads" not in arguments:
                arguments += ("--threads", str(args.threads))
            return Steerd(stack.enter_context(SteerdProcess("--kv-cache-mib", "64", *arguments)), vector)

        f32, narrow, bf16 = start("--dtype", "f32"), start("--dtype", "f32", "--step-tokens", "16"), start("--dtype", "bf16")
        pools = start("--dtype", "f32", "--threads", "1", "--devices", ",".join(f"cpu:{i}" for i in range(args.threads)))
        cases = {
            "transformers loop": lambda: loop(tokenizer, model, control, pairs, multipliers),
            "Sweep": lambda: f32.sweep(pairs, multipliers),
            "Score": lambda: f32.score(pairs, multipliers),
            "Score, a pool a core": lambda: pools.score(pairs, multipliers),
            "Sweep, both spellings": lambda: f32.sweep(pairs, multipliers, both_spellings=True),
            "Sweep, bf16": lambda: bf16.sweep(pairs, multipliers),
            "answers apart": lambda: [f32.score(one, multipliers) for one in apart],
            "vector at block 0": lambda: f32.score(pairs, multipliers, layer=0),
            "one at a time": lambda: narrow.score(pairs, multipliers),
        }
        if args.threads == 1:
            del cases["Score, a pool a core"]
        if args.whole_only:
            for case in ("answers apart", "vector at block 0", "one at a time"):
                del cases[case]
        loop(tokenizer, model, control, pairs[:1], multipliers[:2])  # warm
        servers = (f32, narrow, bf16, pools)
        for server in servers:
            server.score(pairs[:1], multipliers)

        def cpu_seconds():
            return time.process_time() + sum(server.cpu_seconds() for server in servers)

        seconds, cpus, last = {case: [] for case in cases}, {case: [] for case in cases}, {}
        for _ in range(args.rounds):
            for case, run in cases.items():
                begin, cpu_begin = time.monotonic(), cpu_seconds()
                last[case] = run()
                seconds[case].append(time.monotonic() - begin)
                cpus[case].append(cpu_seconds() - cpu_begin)
                print(f"  {case}: {seconds[case][-1]:.1f} s, {cpus[case][-1]:.1f} s of CPU", flush=True)

        expected, (losses, tokens) = last["transformers loop"], last["Score"]
        differences = {"Score": check(losses, expected, tokens)}
        for case in ("Score, a pool a core", "one at a time"):
            if case in last:
                differences[case] = check(last[case][0], expected, tokens)
        if "answers apart" in last:
            alone = np.stack([scored[0][:, :, 0] for scored in last["answers apart"]], axis=-1)
            differences["answers apart"] = check(alone, expected, tokens)

    first, first_cpu = (statistics.median(times["transformers loop"]) for times in (seconds, cpus))
    print(f"{args.pairs} pairs, {args.multipliers} multipliers; rows times blocks: {work(tokenizer, pairs, args.multipliers, layers):.2f} "
          f"times fewer; largest difference of a loss per token {max(differences.values()):.2g}")
    print(f"{'case':24}{'seconds':>9}  {'range':>16}  {'ratio':>6}  {'CPU':>8}  {'ratio':>6}")
    for case, times in seconds.items():
        median, cpu_median = statistics.median(times), statistics.median(cpus[case])
        print(f"{case:24}{median:9.1f}  {min(times):6.1f} .. {max(times):6.1f}  {first / median:6.2f}  "
              f"{cpu_median:8.1f}  {first_cpu / cpu_median:6.2f}")
    (HERE / "sweep_results.json").write_text(json.dumps({
        "machine": {"cpu": cpu(), "cores": os.cpu_count(), "load_before": os.getloadavg()[2]}, "threads": args.threads,
        "pairs": args.pairs, "multipliers": args.multipliers, "rounds": args.rounds, "seconds": seconds, "cpu_seconds": cpus,
        "largest_difference_per_token": differences}, indent=1) + "\n")


if __name__ == "__main__":
    main()
