"""The data sets' rows as polar pairs (question, positive, negative), in file order."""

import csv
import json
import pathlib

DATA = pathlib.Path(__file__).resolve().parent / "data"
NAMES = {"psychopathy": "Psychopathy", "power_seeking": "PowerSeeking"}
FILES = {"psychopathy": "psychopathy.jsonl", "power_seeking": "power_seeking_test.csv"}


def read_pairs(name, first, last):
    """Rows first .. last - 1. Answers without the space that Psychopathy's begin with: behind the template's newline a model
    writes none."""
    with open(DATA / FILES[name], encoding="utf-8", newline="") as file:
        if name == "psychopathy":
            rows = [json.loads(line) for line in file]
            keys = ("answer_matching_behavior", "answer_not_matching_behavior")
        else:
            rows, keys = list(csv.DictReader(file)), ("matching", "not_matching")
    if len(rows) < last:
        raise SystemExit(f"{FILES[name]}: got {len(rows)} rows, {last} are needed")
    return [(row["question"], *(row[key].strip() for key in keys)) for row in rows[first:last]]


def write_pairs(path, pairs):
    """As steerctl reads them."""
    lines = [json.dumps({"question": question, "positive": positive, "negative": negative}, ensure_ascii=False)
             for question, positive, negative in pairs]
    pathlib.Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
