#!/usr/bin/env python3
"""Measures the report's cells that are not yet measured, then writes the report. Called by run.sh.

usage: run_cells.py --build FOLDER --model MODEL.gguf --work FOLDER --results FOLDER [--small] [--steps N] [--only TEXT]
"""
import argparse
import contextlib
import itertools
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

os.environ.setdefault("TQDM_DISABLE", "1")
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import datasets
import grid
import report
from cells import Cells, canonical, read_json, sha256, sha256_of_file, write_json
from service import Service


class Trainer:
    """The reference's model, loaded when first needed: most runs find everything done."""

    def __init__(self, model, threads):
        self._path, self._threads, self._loaded = model, threads, None

    def train(self, pairs, settings, tell):
        import torch
        import sweep_reference
        import train_reference
        if self._loaded is None:
            torch.set_num_threads(self._threads)
            self._loaded = sweep_reference.load(str(self._path), attention="sdpa")
        return train_reference.train(*self._loaded, pairs, settings, tell)


class Run:
    """One pass over the grid."""

    def __init__(self, args):
        self.args = args
        self.grid = grid.SMALL if args.small else grid.FULL
        self.cells = Cells(args.work / "cells")
        self.service = Service(args.build, args.model, args.work, args.threads)
        self.trainer = Trainer(args.model, args.threads)
        self.model = sha256_of_file(args.model)
        self.computed, self.reused = [], []
        self.progress = Progress()

    def specs(self):
        """Per line of the report (data set, signal): the spec of its signal's cell and of its curve's."""
        for signal, (data, rows) in itertools.product(self.grid["signals"], self.grid["data"].items()):
            name = f"{data} {signal['form']} {signal['method']}"
            if self.args.only and self.args.only.lower() not in name.lower():
                continue
            learner = dict(signal["learner"])
            if "objective" in learner:
                learner["steps"] = self.args.steps or rows["steps"]
            signal_spec = {"schema": grid.SIGNAL_SCHEMA, "model": self.model, "learner": learner,
                           "pairs": self.pairs_mark(data, rows["train"])}
            curve_spec = {"schema": grid.CURVE_SCHEMA, "signal": sha256(canonical(signal_spec)), "dtype": "f32",
                          "pairs": self.pairs_mark(data, rows["held_out"]), "as_spelt": True,
                          "outermost": self.grid["outermost"][learner["kind"]],
                          "per_side": self.grid["multipliers_per_side"], "resamples": self.grid["resamples"],
                          "max_utility_loss": self.grid["max_utility_loss"], "title": name.replace(" ", "-")}
            yield name, {"data": data, **signal}, signal_spec, curve_spec

    @staticmethod
    def pairs_mark(data, rows):
        """Decides the pairs: their rows, for people, and their content."""
        return {"data": data, "rows": rows, "sha256": sha256(canonical(datasets.read_pairs(data, *rows)))}

    def run(self):
        lines = list(self.specs())
        self.progress.expect(self.cells, [spec for _, _, *specs in lines for spec in specs])
        for name, _, signal_spec, curve_spec in lines:
            self.make(f"{name}: signal", signal_spec, lambda folder: self.make_signal(folder, signal_spec))
            self.make(f"{name}: curve", curve_spec, lambda folder: self.make_curve(folder, signal_spec, curve_spec))
        write_json(self.args.work / "last_run.json", {"computed": self.computed, "reused": self.reused})
        print(f"cells: {len(self.computed)} computed, {len(self.reused)} found", flush=True)
        return [(line, *map(self.cells.folder, specs)) for _, line, *specs in lines]

    def make(self, name, spec, fill):
        found = self.cells.finished(spec)
        (self.reused if found else self.computed).append(sha256(canonical(spec)))
        if found:
            print(f"{name}: found", flush=True)
            return
        self.progress.begin(name, spec)
        self.progress.end(read_json(self.cells.make(spec, fill) / "seconds.json"))

    def make_signal(self, folder, spec):
        pairs = datasets.read_pairs(spec["pairs"]["data"], *spec["pairs"]["rows"])
        datasets.write_pairs(folder / "pairs.jsonl", pairs)
        if "objective" in spec["learner"]:
            import train_reference
            tensors, log = self.trainer.train(pairs, spec["learner"], self.progress.tell)
            write_json(folder / "learned.json", {key: log[key] for key in ("layer", "pairs_used", "steps")})
            train_reference.save_signal(folder / "signal.safetensors", spec["learner"]["kind"], log["layer"], tensors)
        else:
            job = self.service.steerctl("learn", folder / "pairs.jsonl")
            write_json(folder / "learned.json", {"signal_id": job["signal_id"], **job["results"]})
            shutil.copyfile(self.service.payload(job["signal_id"]), folder / "signal.safetensors")
        write_json(folder / "conditions.json", self.conditions())

    def make_curve(self, folder, signal_spec, spec):
        signal = self.cells.folder(signal_spec)
        learned = read_json(signal / "learned.json")
        unit = learned["mean_activation_norm"] / learned["norm"] if signal_spec["learner"]["kind"] == "vector" else 1.0
        added = self.service.steerctl("signal", "add", signal / "signal.safetensors", "--alias", spec["title"])
        signal_id = added["signal"]["id"]
        datasets.write_pairs(folder / "pairs.jsonl", datasets.read_pairs(spec["pairs"]["data"], *spec["pairs"]["rows"]))
        values = [round(m * unit, 6) for m in grid.multipliers(spec["outermost"], spec["per_side"])]
        swept = self.service.steerctl("sweep", folder / "pairs.jsonl", "--signal", signal_id, "--as-spelt",
                                      "--multipliers=" + ",".join(map(str, values)))
        write_json(folder / "curve.json", {"unit": unit, **swept})
        near = values[len(values) // 2 - 3], values[len(values) // 2 + 3]
        score = self.service.steerctl("score", folder / "pairs.jsonl", "--signal", signal_id, "--as-spelt",
                                      f"--multipliers={near[0]},{near[1]}")
        write_json(folder / "score.json", score)
        curve = swept["curve"]["id"]
        for mode, flags in (("mean", ()), ("sum", ("--sum",))):
            picture = folder / f"{mode}.svg"
            fit = self.service.steerctl("fit", curve, "--resamples", spec["resamples"], "--svg", picture, *flags)
            write_json(folder / f"fit_{mode}.json", fit)
        # The picture of means again, with the multiplier.
        told, message = self.service.steerctl("recommend", curve, "--max-loss", spec["max_utility_loss"],
                                              "--svg", folder / "mean.svg", may_fail=True)
        write_json(folder / "recommend.json", {"told": told, "message": message})
        write_json(folder / "conditions.json", self.conditions())

    def conditions(self):
        """What the numbers may depend on beyond the spec, for readers."""
        return {"machine": platform.machine(), "cores": os.cpu_count(), "threads": self.args.threads,
                "load": round(os.getloadavg()[0], 1), "commit": commit(), "unix_time": int(time.time())}


class Progress:
    """How far a run is, and how long the rest takes if cells take as long as their likes did."""

    def __init__(self):
        self._left, self._seconds = [], {}
        self._sort, self._begin, self._name, self._told = None, 0, "", 0

    @staticmethod
    def sort(spec):
        return (spec["schema"], spec["pairs"]["data"], "objective" in spec.get("learner", ()))

    def expect(self, cells, specs):
        for spec in specs:
            if not cells.finished(spec):
                self._left.append(self.sort(spec))
                continue
            self._seconds.setdefault(self.sort(spec), []).append(read_json(cells.folder(spec) / "seconds.json"))

    def rest(self):
        """Seconds; None before anything of the kind was measured."""
        known = [seconds for many in self._seconds.values() for seconds in many]
        if not known:
            return None
        overall = sum(known) / len(known)
        means = {sort: sum(many) / len(many) for sort, many in self._seconds.items()}
        return sum(means.get(sort, overall) for sort in self._left)

    def begin(self, name, spec):
        self._name, self._sort, self._begin, self._told = name, self.sort(spec), time.monotonic(), time.monotonic()
        rest = self.rest()
        print(f"{name}: {len(self._left)} to go" + ("" if rest is None else f", about {rest / 60:.0f} min"), flush=True)

    def tell(self, done, total):
        now = time.monotonic()
        if done <= 1:
            self._begin = now  # loading took its time, but it does so once
        elif now - self._told > 30:
            self._told = now
            left = (now - self._begin) / (done - 1) * (total - done)
            print(f"{self._name}: {done} of {total}, about {left:.0f} s left", flush=True)

    def end(self, seconds):
        self._left.remove(self._sort)
        self._seconds.setdefault(self._sort, []).append(seconds)
        print(f"{self._name}: {seconds:.0f} s", flush=True)


def commit():
    result = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return result.stdout.strip() or "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for folder in ("build", "model", "work", "results"):
        parser.add_argument("--" + folder, type=lambda text: pathlib.Path(text).resolve(), required=True)
    parser.add_argument("--small", action="store_true", help="few pairs and steps: checks the machinery alone")
    parser.add_argument("--steps", type=int, help="training steps instead of the grid's")
    parser.add_argument("--only", help="cells whose name has this text, e.g. 'psychopathy lora'")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count(), 8))
    args = parser.parse_args()
    sys.path.insert(0, str(HERE.parent / "parity"))
    run = Run(args)
    with contextlib.closing(run.service):
        lines = run.run()
    report.write(args.results, lines, small=args.small)


if __name__ == "__main__":
    main()
