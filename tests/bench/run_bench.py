#!/usr/bin/env python3
"""What callers of a real steerd get, over gRPC: three tables, each of cases that are interleaved and repeated.

  streams     tokens/s, time to first token and between tokens at 1 to 64 streams, plain and steered
  prefix      prompts that begin alike, with the prefix cache and without
  background  time between tokens while pairs are scored, against alone

What else the machine does falls on all cases of a table alike; each number is a median of rounds, and what counts is the ratio
to the table's first case of the same number of streams. Writes the raw numbers to results.json beside this file.

usage: run_bench.py STEERD LOADGEN MODEL [--rounds 3] [--seconds 8] [--tables streams prefix background]
"""
import argparse
import contextlib
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

PLAIN = ["--prompt-tokens", "128", "--max-tokens", "64", "--temperature", "0"]
PREFIX = ["--prompt-tokens", "512", "--shared-prefix", "480", "--max-tokens", "16", "--temperature", "0", "--ignore-eos"]


def tables():
    """table -> [(streams, case, server, loadgen's arguments)]"""
    streams = []
    for count in (1, 4, 16, 64):
        streams.append((count, "plain", "cached", PLAIN))
        streams.append((count, "one signal", "cached", PLAIN + ["--steered", "1", "--signals", "1"]))
        if count > 1:
            streams.append((count, "a signal each", "cached", PLAIN + ["--steered", "1", "--signals", str(count)]))
    prefix = [(count, case, server, PREFIX) for count in (1, 8)
              for case, server in (("no cache", "uncached"), ("prefix cache", "cached"))]
    background = [(4, case, "cached", PLAIN + ["--ignore-eos"] + extra)
                  for case, extra in (("alone", []), ("pairs scored meanwhile", ["--background"]))]
    return {"streams": streams, "prefix": prefix, "background": background}


def cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def measure(loadgen, address, streams, arguments, seconds, seed):
    command = [loadgen, "--server", address, "--streams", str(streams), "--seconds", str(seconds), "--seed", str(seed), "--json"]
    report = json.loads(subprocess.run(command + arguments, check=True, stdout=subprocess.PIPE).stdout)
    if report["errors"]:
        raise RuntimeError(report["errors"])
    return report


def numbers(report):
    first, between = report["first_token_seconds"], report["between_tokens_seconds"]
    return {"tokens/s": report["tokens_per_second"], "first p50": 1e3 * first["p50"], "first p99": 1e3 * first["p99"],
            "between p50": 1e3 * between["p50"], "between p99": 1e3 * between["p99"]}


def show(table, cases, runs):
    print(f"\n{table}\n{'streams':>7}  {'case':24}{'tokens/s':>9}  {'range':>15}  {'first token p50 / p99':>22}  "
          f"{'between p50 / p99 ms':>21}  {'ratio':>6}")
    first = {}
    for streams, case, _, _ in cases:
        results = [numbers(report) for report in runs[(streams, case)]]
        median = {key: statistics.median(result[key] for result in results) for key in results[0]}
        speeds = [result["tokens/s"] for result in results]
        ratio = median["tokens/s"] / first.setdefault(streams, median["tokens/s"])
        print(f"{streams:>7}  {case:24}{median['tokens/s']:9.1f}  {min(speeds):6.1f} .. {max(speeds):5.1f}  "
              f"{median['first p50']:10.0f} / {median['first p99']:9.0f}  {median['between p50']:9.0f} / {median['between p99']:9.0f}  "
              f"{ratio:6.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steerd")
    parser.add_argument("loadgen")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--tables", nargs="+", default=list(tables()), choices=list(tables()))
    args = parser.parse_args()
    os.environ.update(STEERD_BINARY=args.steerd, STEER_TEST_MODEL=args.model)

    results = {"machine": {"cpu": cpu(), "cores": os.cpu_count(), "load_before": os.getloadavg()[2]},
               "rounds": args.rounds, "seconds": args.seconds, "dtype": "bf16", "tables": {}}
    with contextlib.ExitStack() as stack:
        servers = {"cached": stack.enter_context(SteerdProcess("--kv-cache-mib", "512"))}
        if "prefix" in args.tables:
            servers["uncached"] = stack.enter_context(SteerdProcess("--kv-cache-mib", "512", "--prefix-cache", "off"))
        for server in servers.values():
            measure(args.loadgen, server.address, 4, PLAIN, 2, 0)  # warm
        for table in args.tables:
            cases = tables()[table]
            runs = {(streams, case): [] for streams, case, _, _ in cases}
            for seed in range(1, args.rounds + 1):  # other prompts in every round: no round finds another's in the cache
                for number, (streams, case, server, arguments) in enumerate(cases):
                    own = seed if table == "prefix" else 100 * seed + number
                    runs[(streams, case)].append(
                        measure(args.loadgen, servers[server].address, streams, arguments,
                                args.seconds * (2 if streams > 16 else 1), own))
            show(table, cases, runs)
            results["tables"][table] = [{"streams": streams, "case": case, "runs": runs[(streams, case)]}
                                        for streams, case, _, _ in cases]
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
