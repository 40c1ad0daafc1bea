"""Rules about files that a glance at their names and text can check: what lies at the top, what a folder of core/ has, and
words that mean unfinished or switched off."""

import pathlib
import re
import subprocess

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "Dockerfile", "LICENSE", "README.md", "client", "core", "deploy", "proto",
             "server", "tests"}
# Spelt apart, so that this file does not find itself.
UNFINISHED = re.compile("|".join(("TO" "DO", "FIX" "ME", "DISABLED" "_", "GTEST_" "SKIP", "skip" "Test", r"unittest\." "skip")))
README_LINES = 40
TEXT = {".h", ".cc", ".py", ".sh", ".cmake", ".txt", ".proto", ".md", ".yml", ".yaml", ".json", ".jsonl"}


def tracked_files(root):
    """What git holds or would hold: ignored files are nobody's business."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            check=True, capture_output=True, text=True).stdout
    return sorted({name for name in listed.split("\0") if name and pathlib.Path(root, name).is_file()})


def is_data(path):
    return "testdata" in path.parts


def file_violations(root, name):
    path = pathlib.Path(name)
    top = path.parts[0]
    if not top.startswith(".") and top not in TOP_LEVEL:
        yield f"{name}: nothing else may lie at the top: {', '.join(sorted(TOP_LEVEL))}, files with a dot"
    if path.suffix not in TEXT or is_data(path):
        return
    text = pathlib.Path(root, name).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield f"{name}:{number}: unfinished or switched off: {line.strip()}"
    if path.suffix == ".h" and "#pragma once" not in text.split("#include")[0]:
        yield f"{name}: a header begins with #pragma once"
    if text and not text.endswith("\n"):
        yield f"{name}: no newline at the end"


def folder_violations(root, names):
    for folder in sorted({pathlib.Path(name).parts[1] for name in names if re.match(r"core/[^/]+/.*\.(h|cc)$", name)}):
        readme = pathlib.Path(root, "core", folder, "README.md")
        if not readme.is_file():
            yield f"core/{folder}: no README.md"
            continue
        text = readme.read_text()
        if len(text.splitlines()) > README_LINES:
            yield f"core/{folder}/README.md: {len(text.splitlines())} lines; at most {README_LINES}"
        if "Decisions" not in text:
            yield f"core/{folder}/README.md: no Decisions"


def violations(root):
    names = tracked_files(root)
    found = [line for name in names for line in file_violations(root, name)]
    return found + list(folder_violations(root, names))
