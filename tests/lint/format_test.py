"""Every .h and .cc is as clang-format makes it from .clang-format."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLANG_FORMAT = pathlib.Path(sys.executable).with_name("clang-format")
VERSION = 23  # another one formats a little differently


def sources(root):
    return sorted(path for part in ("core", "server", "client", "tests") for path in (root / part).rglob("*")
                  if path.suffix in (".h", ".cc"))


def unformatted(files, root):
    """The files that clang-format would change. Runs in `root`, which holds .clang-format."""
    result = subprocess.run([CLANG_FORMAT, "--dry-run", "--Werror", "--style=file", *files], cwd=root,
                            capture_output=True, text=True)
    named = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", result.stderr, re.MULTILINE)))
    if result.returncode != 0 and not named:
        raise RuntimeError(result.stderr)
    return named


class FormatTest(unittest.TestCase):

    def test_the_version_is_the_pinned_one(self):
        version = subprocess.run([CLANG_FORMAT, "--version"], check=True, capture_output=True, text=True).stdout
        self.assertIn(f"version {VERSION}.", version)

    def test_all_files_are_formatted(self):
        files = sources(ROOT)
        self.assertGreater(len(files), 100)
        found = unformatted(files, ROOT)
        self.assertEqual(found, [], f"\nnot formatted; to mend: {CLANG_FORMAT} -i " + " ".join(found))

    def test_it_can_fail(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            shutil.copy(ROOT / ".clang-format", root)
            (root / "good.cc").write_text("int Twice(int x) { return 2 * x; }\n")
            (root / "bad.cc").write_text("int  Twice( int x ){return 2*x;}\n")
            self.assertEqual(unformatted(["good.cc", "bad.cc"], root), ["bad.cc"])


if __name__ == "__main__":
    unittest.main()
