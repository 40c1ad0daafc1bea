"""clang-tidy over the files that do not see libtorch (whose headers would cost half a minute a file).

A file that was clean is not looked at again until the file, a header of ours that it reaches, its compile command, the
checks or clang-tidy itself change. What was clean is remembered in the build folder.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

CLANG_TIDY = pathlib.Path(sys.executable).with_name("clang-tidy")
QUOTED = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
# gcc's spelling of flags that clang does not know, or would complain of.
EXTRA = ["--extra-arg=-Wno-unknown-warning-option", "--quiet"]


def commands(build, root, parts):
    """Of the sources below `parts` that do not see libtorch: path -> compile command."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if any(root / part in path.parents for part in parts) and "torch/include" not in entry["command"]:
            found[path] = entry["command"]
    return found


def reached(path, root, include_paths, seen):
    """The file and the headers of ours it includes, generated ones too."""
    if path in seen:
        return
    seen.add(path)
    for name in QUOTED.findall(path.read_bytes()):
        for folder in include_paths:
            header = folder / name.decode()
            if header.is_file():
                reached(header, root, include_paths, seen)
                break


def key(path, command, root, version):
    """Names everything that the verdict on a file depends on, but the system's headers."""
    words = shlex.split(command)
    include_paths = [pathlib.Path(word[2:]) for word in words if word.startswith("-I")]
    files = set()
    reached(path, root, include_paths, files)
    digest = hashlib.sha256(f"{version}\0{command}\0".encode() + (root / ".clang-tidy").read_bytes())
    for file in sorted(files):
        digest.update(f"\0{file}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def tidy(path, build, root):
    """What clang-tidy complains of in one file; empty if nothing."""
    result = subprocess.run([CLANG_TIDY, f"--config-file={root / '.clang-tidy'}", "-p", build, *EXTRA, path],
                            capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def complaints(build, root, parts):
    """(files that were looked at, complaints of all)."""
    version = subprocess.run([CLANG_TIDY, "--version"], check=True, capture_output=True, text=True).stdout
    clean = build / "tidy-clean"
    clean.mkdir(exist_ok=True)
    unknown = {}
    for path, command in sorted(commands(build, root, parts).items()):
        mark = clean / key(path, command, root, version)
        if not mark.exists():
            unknown[path] = mark
    found = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, text in zip(unknown, pool.map(lambda path: tidy(path, build, root), unknown)):
            if text:
                found.append(text)
            else:
                unknown[path].touch()
    return list(unknown), found
