#!/usr/bin/env python3
"""run.sh on a small grid and the tiny model.

It goes on after a kill, computes nothing twice, computes anew what changed, and the reports say what the cells' numbers say.
"""

import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import numpy

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import claims
import fits_report
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

    def command(self, report, *arguments):
        tiny = os.environ["STEER_TINY_MODEL"]
        return [str(HERE / "run.sh"), "--report", report, "--small", "--threads", "1", "--model", tiny, "--other-model", tiny,
                "--work", str(self.work), "--results", str(self.results), *arguments]

    def run_ok(self, report, *arguments):
        result = subprocess.run(self.command(report, *arguments), capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return read_json(self.work / "last_run.json")

    def finished(self):
        return {path.name for path in (self.work / "cells").glob("*") if path.is_dir() and not path.name.startswith(PART)}

    def check_whole(self):
        for name in self.finished():
            folder = self.work / "cells" / name
            spec = read_json(folder / "spec.json")
            self.assertEqual(sha256(canonical(spec)), name)
            files = CURVE_FILES if spec["schema"].startswith("curve/") else SIGNAL_FILES
            self.assertEqual({path.name for path in folder.iterdir()}, files)

    def kill_between_cells_and_in_one(self):
        """SIGKILL once a cell is finished and the next one begun. Answers the finished ones."""
        with open(self.work.parent / "killed.log", "wb") as log:
            process = subprocess.Popen(self.command("fits"), stdout=log, stderr=log)
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
            verdicts = {found[0]: found[2] for found in fits_report.judged([Cell(line, signal, changed)])}[title]
            self.assertEqual([len(verdicts[which]) for which in (True, False, None)], [held, not held, 0])

    def test_goes_on_after_a_kill_and_computes_nothing_twice(self):
        early = self.kill_between_cells_and_in_one()
        self.check_whole()

        ran = self.run_ok("fits")
        self.assertEqual(set(ran["reused"]), early)
        self.assertEqual(len(ran["computed"]) + len(early), 8)
        self.assertEqual(self.finished(), set(ran["computed"]) | early)
        self.check_whole()
        text = (self.results / "fits.md").read_text()
        for words in ("| Psychopathy | vector DiffMean |", "| Psychopathy | LoRA SPLIT |", "A check of the machinery"):
            self.assertIn(words, text)
        for picture in (self.results / "fits").glob("*.svg"):
            self.assertIn(f"(fits/{picture.name})", text)
        self.assertEqual(len(list((self.results / "fits").glob("*.svg"))), 8)

        server_log = (self.work / "default_f32" / "steerd.log").stat().st_mtime_ns
        again = self.run_ok("fits")
        self.assertEqual(again["computed"], [])
        self.assertEqual(len(again["reused"]), 8)
        self.assertEqual((self.work / "default_f32" / "steerd.log").stat().st_mtime_ns, server_log)  # not even started
        self.assertEqual((self.results / "fits.md").read_text(), text)

        before = self.finished()
        other = self.run_ok("fits", "--steps", "2", "--only", "LoRA SFT")
        self.assertEqual((len(other["computed"]), other["reused"]), (2, []))
        self.assertEqual(self.finished(), before | set(other["computed"]))
        self.check_judged()

    def kept(self):
        return {path.stem: read_json(path) for path in (self.results / "cells").glob("*.json")}

    def check_kept(self):
        """Names are the specs' hashes; a cell has losses of every pair at every multiplier, 0 first."""
        for name, result in self.kept().items():
            self.assertEqual(sha256(canonical(result["spec"])), name)
            if not result["spec"]["schema"].startswith("trade/"):
                continue
            self.assertEqual(result["multipliers"][0], 0)
            for losses, tokens in zip((result["positive"], result["negative"]), result["tokens"]):
                self.assertEqual(len(losses), result["spec"]["multipliers"] + 1)
                self.assertEqual({len(row) for row in losses}, {len(tokens)})

    def test_compares_methods_and_goes_on_where_another_machine_stopped(self):
        ran = self.run_ok("comparison")
        self.assertEqual((len(ran["computed"]), ran["reused"]), (18, []))
        self.check_whole()
        self.check_kept()
        text = (self.results / "comparison.md").read_text()
        for words in ("A check of the machinery", "All of the grid's 18 cells are measured", "| vector | DiffMean | 2 |",
                      "| AxBench 2 |", "| LoRA | RePS |", "seeds 1, 2"):
            self.assertIn(words, text)
        (picture,) = (self.results / "comparison").glob("*.svg")
        self.assertIn(f"(comparison/{picture.name})", text)
        self.assertEqual(picture.read_text().count("<polyline"), 10)

        # What is kept is enough: without the work folder nothing is trained or measured again.
        shutil.rmtree(self.work)
        self.work.mkdir()
        again = self.run_ok("comparison")
        self.assertEqual((again["computed"], len(again["reused"])), ([], 18))
        self.assertFalse((self.work / "default_bf16").exists())
        self.assertEqual((self.results / "comparison.md").read_text(), text)
        self.check_plain_is_plain()
        self.check_verdicts()

    def check_plain_is_plain(self):
        """At m = 0 all signals leave the same losses, but for rounding; elsewhere they do not."""
        found = {}
        for result in self.kept().values():
            if result["spec"]["schema"].startswith("trade/"):
                found.setdefault(canonical(result["spec"]["pairs"]), []).append(result)
        self.assertEqual(sorted(map(len, found.values())), [3, 5, 10])  # training pairs, AxBench, Psychopathy
        for first, *others in found.values():
            for other, sign in itertools.product(others, ("positive", "negative")):
                numpy.testing.assert_allclose(other[sign][0], first[sign][0], rtol=5e-3)
            self.assertTrue(all(numpy.ptp(other["positive"][-1] - numpy.array(other["positive"][0])) > 1e-3 for other in others))

    def check_verdicts(self):
        """The report's words follow the numbers: losses are planted under which SPLIT is far ahead, then far behind."""
        for better, expected in ((True, "wins 7 of 7 comparisons, ties 0 and loses 0"),
                                 (False, "wins 0 of 7 comparisons, ties 0 and loses 7")):
            for path in (self.results / "cells").glob("*.json"):
                result = read_json(path)
                if result["spec"]["pairs"]["rows"][0] != 200:
                    continue  # only what was measured on held-out pairs; the pilot decides which cells those are
                ahead = (result["spec"]["signal"]["learner"]["objective"] == "split") == better
                # Both answers lose utility alike; preference rises ten times as fast where the method is ahead.
                for k in range(len(result["multipliers"])):
                    result["positive"][k] = [20.0 + 0.4 * k * n for n in result["tokens"][0]]
                    result["negative"][k] = [20.0 + 0.4 * k * n + (1.0 if ahead else 0.1) * k * n for n in result["tokens"][0]]
                result["tokens"][1] = result["tokens"][0]
                write_json(path, result)
            ran = self.run_ok("comparison", "--minutes", "0", "--only", "default psychopathy lora")
            self.assertEqual(ran["computed"], [])
            self.assertIn(expected, (self.results / "comparison.md").read_text())


if __name__ == "__main__":
    unittest.main()
