"""Cells: results in folders that are named by the hash of what decides them. A finished cell is never computed again."""

import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import time

PART = ".part-"


def canonical(value):
    """The one text of a JSON value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def sha256_of_file(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Cells:
    """A folder of cells. A cell is made under a name that begins with `.part-` and renamed when it is whole, so that a kill
    leaves no half one. One process at a time."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock = open(self.root / ".lock", "w", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # goes with the process, however that ends
        except BlockingIOError:
            raise SystemExit(f"{self.root}: another run uses these cells") from None
        for left in self.root.glob(PART + "*"):
            shutil.rmtree(left)

    def folder(self, spec):
        return self.root / sha256(canonical(spec))

    def finished(self, spec):
        return self.folder(spec).is_dir()

    def make(self, spec, fill):
        """The cell's folder; `fill(folder)` writes its files. Its spec.json and seconds.json are written here."""
        folder = self.folder(spec)
        if folder.is_dir():
            return folder
        part = self.root / (PART + folder.name)
        part.mkdir()
        begin = time.monotonic()
        fill(part)
        write_json(part / "spec.json", spec)
        write_json(part / "seconds.json", round(time.monotonic() - begin, 1))
        for path in (*part.iterdir(), part):
            sync(path)
        part.rename(folder)
        sync(self.root)
        return folder


class Kept:
    """A folder of small results, a file each, named as cells are: small enough to be committed, so that another machine goes on
    where this one stopped."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def path(self, spec):
        return self.root / (sha256(canonical(spec)) + ".json")

    def find(self, spec):
        """The result, or None."""
        path = self.path(spec)
        return read_json(path) if path.is_file() else None

    def keep(self, spec, result):
        """A line for each part of it, whole or not at all."""
        self.root.mkdir(parents=True, exist_ok=True)
        part = self.root / PART.rstrip("-")
        lines = ",\n".join(f"{json.dumps(key)}:{canonical(value)}" for key, value in {"spec": spec, **result}.items())
        part.write_text("{" + lines + "}\n", encoding="utf-8")
        sync(part)
        part.rename(self.path(spec))
        sync(self.root)


def sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path, value):
    pathlib.Path(path).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path):
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
