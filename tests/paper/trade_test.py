#!/usr/bin/env python3
"""The comparison's statistics, on planted curves with known answers."""

import math
import pathlib
import sys
import unittest

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import pilot
import trade


def curve(preference, utility):
    """With these log-odds, [multipliers, pairs] each: the losses that have them."""
    preference, utility = numpy.broadcast_arrays(*(numpy.asarray(values, float) for values in (preference, utility)))
    positive = numpy.log1p(numpy.exp(-preference)) + numpy.log1p(numpy.exp(-utility))  # e^-Lp + e^-Ln = sigmoid(utility)
    return trade.Curve(positive, positive + preference)


def one(*values):
    return numpy.array(values, float)[:, None]


class OddsTest(unittest.TestCase):

    def test_values_of_the_paper_notes(self):
        for positive, negative, expected in ((1.0, 1.2, 0.7040), (2.0, 2.0, -0.9912), (0.2, 3.0, 1.8879), (60, 80, -60.0)):
            preference, utility = trade.odds(numpy.array(positive), numpy.array(negative))
            self.assertAlmostEqual(float(preference), negative - positive, places=12)
            self.assertAlmostEqual(float(utility), expected, places=4)

    def test_masses_of_one_or_more_have_no_utility(self):
        for positive, negative in ((0.5, 0.6), (math.log(2), math.log(2))):
            self.assertTrue(numpy.isnan(trade.odds(numpy.array(positive), numpy.array(negative))[1]))

    def test_planted_odds_come_back(self):
        planted = curve([[0.0, 3.0], [2.5, -1.0]], [[-2.0, 0.5], [-3.0, 4.0]])
        numpy.testing.assert_allclose(planted.preference, [[0.0, 3.0], [2.5, -1.0]], atol=1e-9)
        numpy.testing.assert_allclose(planted.utility, [[-2.0, 0.5], [-3.0, 4.0]], atol=1e-9)


class WalkTest(unittest.TestCase):

    def test_gain_ends_where_the_loss_first_exceeds_the_budget(self):
        gain, loss = one(0, 1, 2, 9, 9), one(0, 0.2, 0.6, 1.4, 0.1)  # comes back, but is not connected to 0
        for budget, expected in ((0.1, 0.5), (0.2, 1.0), (0.4, 1.5), (0.6, 2.0), (1.0, 5.5)):
            found, ends = trade.gain_within(gain, loss, budget)
            self.assertAlmostEqual(found[0], expected, places=12)
            self.assertTrue(ends[0])

    def test_gain_is_the_largest_on_the_way_and_that_of_no_steering_at_least(self):
        self.assertEqual(trade.gain_within(one(0, 3, 1), one(0, 0.1, 1), 0.5)[0][0], 3)
        self.assertEqual(trade.gain_within(one(0, -3, -1), one(0, 0.1, 1), 0.5)[0][0], 0)

    def test_nothing_lies_beyond_the_measured_range(self):
        found, ends = trade.gain_within(one(0, 1, 2), one(0, 0.1, 0.2), 0.5)
        self.assertEqual((found[0], ends[0]), (2, False))
        self.assertEqual(trade.loss_for(one(0, 1, 2), one(0, 0.1, 0.2), 2.5)[0], math.inf)

    def test_loss_is_that_of_the_first_crossing(self):
        gain, loss = one(0, 2, 1, 4), one(0, 0.4, 0.8, -1)
        self.assertAlmostEqual(trade.loss_for(gain, loss, 1.0)[0], 0.2)
        self.assertAlmostEqual(trade.loss_for(gain, loss, 2.5)[0], 0.8 - 1.8 * 0.5)


class ComparisonTest(unittest.TestCase):
    STEPS = numpy.arange(6)[:, None]  # multipliers 0 .. 5

    def compare(self, curves, **changes):
        return trade.Comparison(curves, **{"budgets": [0.5, 1.0], "shares": [0.5], "resamples": 300, **changes})

    def planted(self, slope, loss=0.4, pairs=30, spread=0.0, seed=0):
        """Preference rises by `slope` a multiplier, utility falls by `loss`; pairs differ in where they start and how they rise."""
        generator = numpy.random.default_rng(seed)
        start = generator.normal(0, 3, pairs)
        slopes = slope + spread * generator.normal(size=pairs)
        return curve(start + slopes * self.STEPS, -1 + 0.3 * start - loss * self.STEPS)

    def test_finds_the_planted_gains_and_losses(self):
        found = self.compare({"split": [self.planted(0.8)], "sft": [self.planted(0.2)]})
        numpy.testing.assert_allclose(found.estimates["split"], [0.8 * 1.25, 0.8 * 2.5, 0.25 * 0.4 / 0.8], rtol=1e-9)
        numpy.testing.assert_allclose(found.estimates["sft"], [0.2 * 1.25, 0.2 * 2.5, 0.25 * 0.4 / 0.2], rtol=1e-9)
        self.assertAlmostEqual(found.reach, 0.5)
        for which, expected in enumerate((0.75, 1.5, 0.375)):
            advantage = found.advantage("split", "sft", which)
            self.assertAlmostEqual(advantage[0], expected)
            self.assertEqual(trade.verdict(advantage), "wins")
        self.assertEqual(trade.verdict(found.advantage("sft", "split", 2)), "loses")

    def test_pairs_are_resampled_alike_for_all_methods(self):
        # Spread between pairs is far larger than the difference, which is the same for each.
        found = self.compare({"split": [self.planted(0.85, spread=2)], "sft": [self.planted(0.8, spread=2)]})
        low, high = found.interval("split", 0)
        self.assertGreater(high - low, 0.5)
        _, low, high = found.advantage("split", "sft", 0)
        self.assertAlmostEqual(low, 0.05 * 1.25, places=6)
        self.assertAlmostEqual(high, 0.05 * 1.25, places=6)

    def test_seeds_that_disagree_widen_the_interval(self):
        seeds = [self.planted(slope) for slope in (0.2, 0.8, 1.4)]
        same = [self.planted(0.8)] * 3
        found = self.compare({"split": seeds, "sft": same})
        self.assertAlmostEqual(found.estimates["split"][0], 1.0)
        low, high = found.interval("split", 0)
        self.assertLess(low, 0.6)
        self.assertGreater(high, 1.4)
        numpy.testing.assert_allclose(found.interval("sft", 0), [1.0, 1.0])
        self.assertEqual(trade.verdict(found.advantage("split", "sft", 0)), "ties")

    def test_the_interval_covers_what_is_true(self):
        covered = 0
        for seed in range(100):
            found = self.compare({"split": [self.planted(0.8, spread=0.5, seed=seed)]}, budgets=[0.5])
            low, high = found.interval("split", 0)
            covered += low <= 0.8 * 1.25 <= high
        self.assertGreaterEqual(covered, 86)
        self.assertLess(covered, 100)

    def test_a_pair_without_utility_counts_in_no_loss_but_in_the_gain(self):
        split, sft = self.planted(0.8), self.planted(0.2)
        sft.utility[5, 3] = numpy.nan
        split.utility[1:, 3] -= 100
        split.preference[1:, 3] += 30
        found = self.compare({"split": [split], "sft": [sft]})
        self.assertEqual((found.pairs, int(found.defined.sum())), (30, 29))
        self.assertAlmostEqual(found.estimates["split"][0], 0.8 * 1.25 + 1)  # the loss is as planted

    def test_a_gain_that_is_not_reached_is_infinitely_dear(self):
        flat = self.planted(0.001)
        found = self.compare({"split": [self.planted(0.8)], "difference_of_means": [flat]})
        self.assertEqual(found.estimates["difference_of_means"][2], math.inf)
        self.assertEqual(found.advantage("split", "difference_of_means", 2)[0], math.inf)
        self.assertEqual(trade.verdict(found.advantage("split", "difference_of_means", 2)), "wins")
        weak = self.planted(0.03)
        both = self.compare({"split": [self.planted(0.8)], "a": [weak], "difference_of_means": [flat]}, shares=[3.0])
        self.assertEqual(both.advantage("a", "difference_of_means", 2), (0, 0, 0))

    def test_there_are_no_targets_where_a_trained_method_gains_nothing(self):
        found = self.compare({"split": [self.planted(0.8)], "sft": [self.planted(0.001)]})
        self.assertEqual((found.targets, found.estimates["split"].shape), ([], (2,)))

    def test_an_interval_far_to_one_side_of_its_estimate_proves_nothing(self):
        for advantage, expected in (((0.3, 0.1, 0.5), "wins"), ((0.3, -0.1, 0.7), "ties"), ((0.3, 0.05, 2.0), "ties"),
                                    ((-0.3, -0.5, -0.1), "loses"), ((-0.3, -2.0, -0.05), "ties"), ((0.3, 0.1, math.inf), "wins"),
                                    ((math.inf, 0.1, math.inf), "wins"), ((-math.inf, -math.inf, -0.2), "loses"), ((0, 0, 0), "ties")):
            self.assertEqual(trade.verdict(advantage), expected)

    def test_budgets_that_are_not_reached_are_counted(self):
        found = self.compare({"split": [self.planted(0.8), self.planted(0.8, loss=0.15)]})
        self.assertEqual(found.unended["split"], [0, 1])


class PilotTest(unittest.TestCase):
    PILOT = {"pairs": 2, "budget": 0.5, "methods": ["sft", "split"], "travels": {"default": {"lora": [1.0, 4.0]}}}

    @staticmethod
    def cell(travel, method, gain, utility=-2.0, tokens=1):
        """A preference that rises by `gain` until 1 nat is lost."""
        planted = curve([[0.0] * 2, [gain] * 2], [[utility] * 2, [utility - 1] * 2])
        positive = numpy.log1p(numpy.exp(-planted.preference)) + numpy.log1p(numpy.exp(-planted.utility))
        result = {"positive": (tokens * positive).tolist(), "negative": (tokens * (positive + planted.preference)).tolist(),
                  "tokens": [[tokens] * 2] * 2}
        return {"model": "default", "carrier": "lora", "travel": travel, "method": method}, result

    def test_takes_the_travel_with_the_largest_mean_over_methods(self):
        slow = [self.cell(1.0, "sft", 2.0), self.cell(1.0, "split", 2.0)]
        fast = [self.cell(4.0, "sft", 3.5), self.cell(4.0, "split", 0.2)]
        self.assertEqual(pilot.chosen(slow + fast, self.PILOT), {("default", "lora"): 1.0})
        self.assertAlmostEqual(pilot.gains(slow, self.PILOT)["default", "lora", 1.0]["sft"], 1.0)
        fast[1] = self.cell(4.0, "split", 0.6)
        self.assertEqual(pilot.chosen(slow + fast, self.PILOT), {("default", "lora"): 4.0})

    def test_takes_none_before_all_methods_are_measured(self):
        cells = [self.cell(1.0, "sft", 2.0), self.cell(1.0, "split", 2.0), self.cell(4.0, "sft", 9.0)]
        self.assertEqual(pilot.chosen(cells, self.PILOT), {})

    def test_a_method_without_utility_per_token_has_all_judged_per_answer(self):
        with_utility = self.cell(1.0, "sft", 2.0, tokens=4)
        without = self.cell(1.0, "split", 2.0)
        without[1]["tokens"] = [[20] * 2] * 2  # masses per token near 1 each
        self.assertAlmostEqual(pilot.gains([with_utility, without], self.PILOT)["default", "lora", 1.0]["split"], 1.0)
        alone = pilot.gains([with_utility], self.PILOT)["default", "lora", 1.0]["sft"]
        both = pilot.gains([with_utility, without], self.PILOT)["default", "lora", 1.0]["sft"]
        self.assertNotAlmostEqual(alone, both, places=2)


if __name__ == "__main__":
    unittest.main()
