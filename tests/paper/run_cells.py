#!/usr/bin/env python3
"""Measures the cells of the reports that are not yet measured, then writes the reports. Called by run.sh.

usage: run_cells.py --build FOLDER --model MODEL.gguf --other-model MODEL.gguf --work FOLDER --results FOLDER [--report fits]
"""
import argparse
import contextlib
import os
import pathlib
import sys

os.environ.setdefault("TQDM_DISABLE", "1")
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "parity"))
from cells import write_json
from comparison_run import ComparisonRun
from fits_run import FitsRun
from pool import Pool

REPORTS = {"fits": FitsRun, "comparison": ComparisonRun}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for path in ("build", "model", "other-model", "work", "results"):
        parser.add_argument("--" + path, type=lambda text: pathlib.Path(text).resolve(), required=True)
    parser.add_argument("--report", choices=REPORTS, help="this one alone; default: both")
    parser.add_argument("--small", action="store_true", help="few pairs and steps: checks the machinery alone")
    parser.add_argument("--steps", type=int, help="training steps instead of the grid's")
    parser.add_argument("--only", help="cells whose name has this text, e.g. 'psychopathy lora'")
    parser.add_argument("--minutes", type=float, default=float("inf"),
                        help="begin no cell after so many; 0 = report what is finished")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count(), 8))
    return parser.parse_args()


def main():
    args = arguments()
    with contextlib.closing(Pool(args)) as pool:
        for name, run in REPORTS.items():
            if args.report in (None, name):
                run(pool, args).run()
        write_json(args.work / "last_run.json", {"computed": pool.computed, "reused": pool.reused})
        print(f"cells: {len(pool.computed)} computed, {len(pool.reused)} found", flush=True)


if __name__ == "__main__":
    main()
