"""What both reports measure from: finished cells, and the servers that make the others."""

import os
import pathlib
import platform
import subprocess
import time

from cells import Cells, Kept, canonical, read_json, sha256, sha256_of_file
from service import Service

HERE = pathlib.Path(__file__).resolve().parent


class Pool:
    """One process at a time. `models`: name to file; a server is started when its model is first needed."""

    def __init__(self, args):
        self.threads, self._build, self._work = args.threads, args.build, args.work
        self.models = {"default": args.model, "other": args.other_model}
        self.cells, self.kept = Cells(args.work / "cells"), Kept(args.results / "cells")
        self._deadline = time.monotonic() + 60 * args.minutes
        self._services, self._marks = {}, {}
        self.progress = Progress()
        self.computed, self.reused = [], []

    def close(self):
        for service in self._services.values():
            service.close()

    def service(self, model, dtype):
        key = f"{model}_{dtype}"
        if key not in self._services:
            work = self._work / key
            work.mkdir(exist_ok=True)
            self._services[key] = Service(self._build, self.models[model], work, self.threads, dtype)
        return self._services[key]

    def mark(self, model):
        """The model's part in a spec: the hash of its file."""
        if model not in self._marks:
            self._marks[model] = sha256_of_file(self.models[model])
        return self._marks[model]

    def out_of_time(self):
        return time.monotonic() > self._deadline

    def seconds(self, spec):
        """That its cell took; None where it is not finished."""
        if self.cells.finished(spec):
            return read_json(self.cells.folder(spec) / "seconds.json")
        kept = self.kept.find(spec)
        return kept and kept["seconds"]

    def make(self, name, spec, fill):
        """The folder of a cell, filled by `fill(folder)` unless it is finished."""
        if self._note(name, spec, self.cells.finished(spec)):
            return self.cells.folder(spec)
        folder = self.cells.make(spec, fill)
        self.progress.end(read_json(folder / "seconds.json"))
        return folder

    def keep(self, name, spec, measure):
        """A small result, that of `measure()` unless it is found."""
        found = self.kept.find(spec)
        if self._note(name, spec, found is not None):
            return found
        begin = time.monotonic()
        result = measure()
        seconds = round(time.monotonic() - begin, 1)
        self.kept.keep(spec, {"seconds": seconds, "conditions": self.conditions(), **result})
        self.progress.end(seconds)
        return self.kept.find(spec)

    def _note(self, name, spec, found):
        (self.reused if found else self.computed).append(sha256(canonical(spec)))
        if found:
            print(f"{name}: found", flush=True)
        else:
            self.progress.begin(name, spec)
        return found

    def conditions(self):
        """What the numbers may depend on beyond the spec, for readers."""
        return {"machine": platform.machine(), "cores": os.cpu_count(), "threads": self.threads,
                "load": round(os.getloadavg()[0], 1), "commit": commit(), "unix_time": int(time.time())}


def commit():
    result = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return result.stdout.strip() or "unknown"


class Progress:
    """How far a run is, and how long the rest takes if cells take as long as their likes did."""

    def __init__(self):
        self._left, self._seconds = [], {}
        self._sort, self._begin, self._name, self._told = None, 0, "", 0

    @staticmethod
    def sort(spec):
        """Cells that take about as long as each other."""
        about = {**spec, **spec.get("signal", {})} if isinstance(spec.get("signal"), dict) else spec
        learner = about.get("learner", {})
        return (spec["schema"], spec["pairs"]["data"], about.get("model"), learner.get("kind"), learner.get("objective"))

    def expect(self, pool, specs):
        self._left, self._seconds = [], {}
        for spec in specs:
            seconds = pool.seconds(spec)
            if seconds is None:
                self._left.append(self.sort(spec))
            else:
                self._seconds.setdefault(self.sort(spec), []).append(seconds)

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
