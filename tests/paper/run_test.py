#!/usr/bin/env python3
"""run.sh on a small grid and the tiny model.

It goes on after a kill, computes nothing twice, computes anew what changed, and the report says what the cells' numbers say.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import claims
import report
from cells import PART, canonical, read_json, sha256, write_json
from measured import Cell

SIGNAL_FILES = {"spec.json", "seconds.json", "conditions.json", "pairs.jsonl", "learned.json", "signal.safetensors"}
CURVE_FILES = {"spec.json", "seconds.json", "conditions.json", "pairs.jsonl", "curve.json", "score.json", "fit_mean.json",
               "fit_sum.json", "recommend.json", "mean.svg", "sum.svg"}


class RunTest(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work, self.results = pathlib.Path(folder.name, "work"), pathlib.Path(folder.name, "results")

    def command(self, *arguments):
        return [str(HERE / "run.sh"), "--small", "--threads", "1", "--model", os.environ["STEER_TINY_MODEL"],
                "--work", str(self.work), "--results", str(self.results), *arguments]

    def run_ok(self, *arguments):
        result = subprocess.run(self.command(*arguments), capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return read_json(self.work / "last_run.json")

    def finished(self):
        return {path.name for path in (self.work / "cells").glob("*") if path.is_dir() and not path.name.startswith(PART)}

    def check_whole(self):
        for name in self.finished():
            folder = self.work / "cells" / name
            spec = read_json(folder / "spec.json")
            self.assertEqual(sha256(canonical(spec)), name)
            files = SIGNAL_FILES if spec["schema"].startswith("signal/") else CURVE_FILES
            self.assertEqual({path.name for path in folder.iterdir()}, files)

    def kill_between_cells_and_in_one(self):
        """SIGKILL once a cell is finished and the next one begun. Answers the finished ones."""
        with open(self.work.parent / "killed.log", "wb") as log:
            process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        while not (self.finished() and any((self.work / "cells").glob(PART + "*"))):
            self.assertIsNone(process.poll(), (self.work.parent / "killed.log").read_text())
            time.sleep(0.002)
        process.kill()
        process.wait()
        return self.finished()

    def check_judged(self):
        """A number that crosses its threshold changes sides in the report."""
        specs = {path.parent: read_json(path) for path in (self.work / "cells").glob("*/spec.json")}
        curve, spec = next((folder, spec) for folder, spec in specs.items() if "LoRA-SFT" in spec.get("title", ""))
        signal = self.work / "cells" / spec["signal"]
        changed = self.work.parent / "changed"
        shutil.copytree(curve, changed)
        line = {"data": "psychopathy", "form": "LoRA", "method": "SFT"}
        title = next(title for title, _, _ in claims.CLAIMS if title.startswith("Preference follows"))
        for value, held in ((claims.R_SQUARED, True), (claims.R_SQUARED - 0.001, False)):
            for mode in ("mean", "sum"):
                fit = read_json(changed / f"fit_{mode}.json")
                fit["preference"].update(verdict="FITTED", r_squared=value)
                write_json(changed / f"fit_{mode}.json", fit)
            verdicts = {found[0]: found[2] for found in report.judged([Cell(line, signal, changed)])}[title]
            self.assertEqual([len(verdicts[which]) for which in (True, False, None)], [held, not held, 0])

    def test_goes_on_after_a_kill_and_computes_nothing_twice(self):
        early = self.kill_between_cells_and_in_one()
        self.check_whole()

        ran = self.run_ok()
        self.assertEqual(set(ran["reused"]), early)
        self.assertEqual(len(ran["computed"]) + len(early), 8)
        self.assertEqual(self.finished(), set(ran["computed"]) | early)
        self.check_whole()
        text = (self.results / "report.md").read_text()
        for words in ("| Psychopathy | vector DiffMean |", "| Psychopathy | LoRA SPLIT |", "A check of the machinery"):
            self.assertIn(words, text)
        for picture in self.results.glob("*.svg"):
            self.assertIn(f"({picture.name})", text)
        self.assertEqual(len(list(self.results.glob("*.svg"))), 8)

        server_log = (self.work / "steerd.log").stat().st_mtime_ns
        again = self.run_ok()
        self.assertEqual(again["computed"], [])
        self.assertEqual(len(again["reused"]), 8)
        self.assertEqual((self.work / "steerd.log").stat().st_mtime_ns, server_log)  # not even started
        self.assertEqual((self.results / "report.md").read_text(), text)

        before = self.finished()
        other = self.run_ok("--steps", "2", "--only", "LoRA SFT")
        self.assertEqual((len(other["computed"]), other["reused"]), (2, []))
        self.assertEqual(self.finished(), before | set(other["computed"]))
        self.check_judged()


if __name__ == "__main__":
    unittest.main()
