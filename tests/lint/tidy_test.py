"""clang-tidy has no complaint; usage: tidy_test.py BUILD_FOLDER."""

import json
import pathlib
import shutil
import sys
import tempfile
import unittest

from tidy import commands, complaints

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ("core", "server", "client")
GOOD = "int Twice(int x) { return 2 * x; }\n"
BAD = "int* Nothing() { return 0; }\n"


class TidyTest(unittest.TestCase):
    build = None

    def test_the_project_is_tidy(self):
        build = pathlib.Path(self.build).resolve()
        self.assertGreater(len(commands(build, ROOT, PARTS)), 50)
        looked_at, found = complaints(build, ROOT, PARTS)
        print(f"looked at {len(looked_at)} files", flush=True)
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_it_can_fail_and_remembers_what_was_clean(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder).resolve()
            shutil.copy(ROOT / ".clang-tidy", root)
            (root / "core").mkdir()
            sources = {name: root / "core" / name for name in ("good.cc", "bad.cc")}
            header = root / "core" / "value.h"
            header.write_text("#pragma once\n")
            sources["good.cc"].write_text('#include "core/value.h"\n' + GOOD)
            sources["bad.cc"].write_text(BAD)
            (root / "compile_commands.json").write_text(json.dumps([
                {"directory": folder, "file": str(path), "command": f"c++ -std=c++20 -I{root} -c {path}"}
                for path in sources.values()]))
            looked_at, found = complaints(root, root, ("core",))
            self.assertEqual(sorted(looked_at), sorted(sources.values()))
            self.assertEqual(len(found), 1)
            self.assertIn("modernize-use-nullptr", found[0])
            self.assertEqual(complaints(root, root, ("core",))[0], [sources["bad.cc"]])
            header.write_text("#pragma once\nextern int value;\n")
            self.assertEqual(sorted(complaints(root, root, ("core",))[0]), sorted(sources.values()))


if __name__ == "__main__":
    TidyTest.build = sys.argv.pop(1)
    unittest.main()
