"""The data sets' rows as polar pairs (question, positive, negative), in file order."""

import csv
import functools
import json
import pathlib

from cells import canonical, sha256

DATA = pathlib.Path(__file__).resolve().parent / "data"
NAMES = {"psychopathy": "Psychopathy", "power_seeking": "PowerSeeking", "power_seeking_train": "PowerSeeking",
         "axbench_2": "AxBench 2", "axbench_3": "AxBench 3", "axbench_4": "AxBench 4"}
FILES = {"psychopathy": "psychopathy.jsonl", "power_seeking": "power_seeking_test.csv",
         "power_seeking_train": "power_seeking_train.csv"}
AXBENCH = "axbench_positives.jsonl"


@functools.cache
def rows_of(name):
    """(question, positive, negative) of all rows; AxBench has no negative answers."""
    path = DATA / FILES.get(name, AXBENCH)
    if path.suffix == ".csv":
        with open(path, encoding="utf-8", newline="") as file:
            return [(row["question"], row["matching"], row["not_matching"]) for row in csv.DictReader(file)]
    with open(path, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    if name in FILES:
        return [(row["question"], row["answer_matching_behavior"], row["answer_not_matching_behavior"]) for row in rows]
    return [(row["input"], row["output"], "") for row in rows if name == f"axbench_{row['concept_id']}"]


def read_pairs(name, first, last, longest=None):
    """Rows first .. last - 1, of those whose question and longer answer have at most `longest` characters. Answers without
    the space that Psychopathy's begin with: behind the template's newline a model writes none."""
    rows = [row for row in rows_of(name) if longest is None or len(row[0]) + max(map(len, row[1:])) <= longest]
    if len(rows) < last:
        raise SystemExit(f"{name}: got {len(rows)} rows, {last} are needed")
    return [(question, positive.strip(), negative.strip()) for question, positive, negative in rows[first:last]]


def mark(name, rows, longest=None):
    """Decides the pairs: their rows, for people, and their content."""
    limit = {} if longest is None else {"longest": longest}
    return {"data": name, "rows": rows, "sha256": sha256(canonical(read_pairs(name, *rows, **limit))), **limit}


def marked(mark):
    return read_pairs(mark["data"], *mark["rows"], mark.get("longest"))


def write_pairs(path, pairs):
    """As steerctl reads them."""
    lines = [json.dumps({"question": question, "positive": positive, "negative": negative}, ensure_ascii=False)
             for question, positive, negative in pairs]
    pathlib.Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
