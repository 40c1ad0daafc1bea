"""The project keeps the rules of house_rules.py, and each rule can fail."""

import pathlib
import subprocess
import tempfile
import unittest

from house_rules import violations

ROOT = pathlib.Path(__file__).resolve().parents[2]

HOUSE = {
    "README.md": "# House\n",
    ".gitignore": "build/\n",
    "core/base/README.md": "# core/base\n\n## Decisions\n",
    "core/base/status.h": "#pragma once\n",
    "build/left.h": "no pragma, but ignored\n",
}


def of_house(changes):
    """The violations of a small clean house with some files replaced, added or (None) taken away."""
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(["git", "init", "-q", root], check=True)
        for name, text in (HOUSE | changes).items():
            if text is None:
                continue
            path = pathlib.Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return violations(root)


class HouseRulesTest(unittest.TestCase):

    def test_the_project_keeps_them(self):
        found = violations(ROOT)
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_the_small_house_is_clean(self):
        self.assertEqual(of_house({}), [])

    def test_each_rule_can_fail(self):
        for words, name, text in (
            ("at the top", "notes.md", "Notes\n"),
            ("at the top", "scripts/run.sh", "true\n"),
            ("unfinished", "core/base/a.cc", "// TO" "DO: more\n"),
            ("switched off", "tests/base/a_test.cc", "TEST(A, DISABLED" "_B) {}\n"),
            ("switched off", "tests/base/b_test.cc", "GTEST_" "SKIP();\n"),
            ("pragma once", "core/base/b.h", '#include <string>\n#pragma once\n'),
            ("no newline", "core/base/c.cc", "int x;"),
            ("no README.md", "core/base/README.md", None),
            ("at most 40", "core/base/README.md", "Decisions\n" * 41),
            ("no Decisions", "core/base/README.md", "# core/base\n"),
        ):
            with self.subTest(words=words, name=name):
                found = of_house({name: text})
                self.assertEqual(len(found), 1, found)
                self.assertIn(words, found[0])


if __name__ == "__main__":
    unittest.main()
