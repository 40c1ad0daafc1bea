"""The example script, which knows only the protos, against a live steerd."""

import math
import os
import runpy
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from steerd_process import SteerdProcess

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "client", "python", "example.py")


class PythonClientTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        with SteerdProcess() as server:
            example = runpy.run_path(EXAMPLE)
            cls.result = example["run"](server.address)
            cls.again = example["run"](server.address)
            cls.exit_code = server.stop()

    def test_the_signal_is_named_by_its_content(self):
        self.assertRegex(self.result["signal"], "^[0-9a-f]{64}$")
        self.assertEqual(self.result["signal"], self.again["signal"])

    def test_steering_changes_the_answer(self):
        self.assertTrue(self.result["plain"])
        self.assertTrue(self.result["steered"])
        self.assertNotEqual(self.result["plain"], self.result["steered"])
        self.assertEqual(self.result["plain"], self.again["plain"])
        self.assertEqual(self.result["steered"], self.again["steered"])

    def test_the_receipt_says_what_acted(self):
        self.assertEqual(len(self.result["plain_receipt"].controls), 0)
        receipt = self.result["steered_receipt"]
        self.assertEqual(receipt.model_fingerprint, self.result["plain_receipt"].model_fingerprint)
        self.assertEqual(len(receipt.controls), 1)
        applied = receipt.controls[0]
        self.assertEqual(applied.control.signal, "python-example")
        self.assertEqual(applied.control.signal_id, self.result["signal"])
        self.assertEqual(applied.control.multiplier, 4)
        self.assertGreater(applied.steered_prompt_tokens, 0)
        self.assertGreater(applied.steered_generated_tokens, 0)

    def test_every_point_has_odds(self):
        points = self.result["points"]
        self.assertEqual([point.multiplier for point in points], [-1, 0, 1])
        for point in points:
            self.assertEqual(len(point.pairs), 1)
            for odds in (point.pairs[0].mean, point.pairs[0].sum):
                self.assertGreater(odds.positive_loss, 0)
                self.assertGreater(odds.negative_loss, 0)
                # Preference log-odds: L_n - L_p.
                self.assertAlmostEqual(odds.preference, odds.negative_loss - odds.positive_loss, places=9)
                if odds.utility_valid:
                    a = math.log(math.exp(-odds.positive_loss) + math.exp(-odds.negative_loss))
                    self.assertAlmostEqual(odds.utility, a - math.log1p(-math.exp(a)), places=6)
        preferences = [point.mean.preference for point in points]
        self.assertEqual(len(set(preferences)), 3)

    def test_the_server_stops_cleanly(self):
        self.assertEqual(self.exit_code, 0)


if __name__ == "__main__":
    unittest.main()
