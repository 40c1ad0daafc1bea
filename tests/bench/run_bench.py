#!/usr/bin/env python3
"""Tokens per second and time to first token at 1, 4 and 16 streams, plain and steered, of a real steerd over gRPC.

The cases are interleaved and repeated, so that what else the machine does falls on all of them alike; each number is a median
with its range, and steering's price is the ratio of the two medians. Writes the raw numbers to results.json beside this file.

usage: run_bench.py STEERD LOADGEN MODEL [--rounds 3] [--seconds 8]
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
from steerd_process import SteerdProcess

STREAMS = (1, 4, 16)
# name -> (share of streams steered, distinct signals as a function of the streams)
MODES = {
    "plain": (0, lambda streams: 1),
    "one signal": (1, lambda streams: 1),
    "a signal each": (1, lambda streams: streams),
}


def cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def measure(loadgen, address, streams, mode, seconds):
    share, signals = MODES[mode]
    command = [loadgen, "--server", address, "--streams", str(streams), "--seconds", str(seconds), "--prompt-tokens", "128",
               "--max-tokens", "64", "--temperature", "0", "--steered", str(share), "--signals", str(signals(streams)), "--json"]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    if report["errors"]:
        raise RuntimeError(report["errors"])
    return {"tokens_per_second": report["tokens_per_second"],
            "first_token_seconds": report["first_token_seconds"]["p50"],
            "between_tokens_seconds_p99": report["between_tokens_seconds"]["p99"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steerd")
    parser.add_argument("loadgen")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    args = parser.parse_args()
    os.environ.update(STEERD_BINARY=args.steerd, STEER_TEST_MODEL=args.model)

    cases = [(streams, mode) for streams in STREAMS for mode in MODES]
    raw = {case: [] for case in cases}
    with SteerdProcess("--threads", str(os.cpu_count())) as steerd:
        measure(args.loadgen, steerd.address, 4, "plain", 2)  # warm
        for _ in range(args.rounds):
            for case in cases:
                raw[case].append(measure(args.loadgen, steerd.address, *case, args.seconds))

    print(f"{'streams':>7}  {'':14}{'tokens/s':>9}  {'range':>15}  {'first token ms':>14}  {'p99 between ms':>14}  {'vs plain':>8}")
    rows = []
    for streams, mode in cases:
        def median(key):
            return statistics.median(run[key] for run in raw[(streams, mode)])
        speeds = [run["tokens_per_second"] for run in raw[(streams, mode)]]
        plain = statistics.median(run["tokens_per_second"] for run in raw[(streams, "plain")])
        print(f"{streams:>7}  {mode:14}{median('tokens_per_second'):9.1f}  {min(speeds):6.1f} .. {max(speeds):5.1f}  "
              f"{1e3 * median('first_token_seconds'):14.1f}  {1e3 * median('between_tokens_seconds_p99'):14.1f}  "
              f"{median('tokens_per_second') / plain:8.3f}")
        rows.append({"streams": streams, "mode": mode, "runs": raw[(streams, mode)]})
    machine = {"cpu": cpu(), "cores": os.cpu_count(), "load_before": os.getloadavg()[2]}
    (HERE / "results.json").write_text(json.dumps({"machine": machine, "arguments": {
        "rounds": args.rounds, "seconds": args.seconds, "prompt_tokens": 128, "max_tokens": 64, "dtype": "bf16"},
        "cases": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
