"""What a signal buys and what it costs: gain(m) = P(m) - P(0) against loss(m) = U(0) - U(m), m >= 0, means over pairs.

Between measured multipliers curves are straight lines, beyond the last there is nothing. Curves are [multipliers, samples],
m = 0 first; a sample is one way to weigh the pairs. Nats.
"""

import math

import numpy

MOST_QUANTILE = 0.975
LEAST_REACH = 0.05  # nats; of less, shares are noise


def odds(positive, negative):
    """Preference and utility log-odds of the two answers' losses. Utility is NaN where their masses sum to 1 or more."""
    mass = numpy.logaddexp(-positive, -negative)
    proper = numpy.where(mass < 0, mass, numpy.nan)
    return negative - positive, proper - numpy.log(-numpy.expm1(proper))


class Curve:
    """One signal on held-out pairs: preference and utility, [multipliers, pairs] each."""

    def __init__(self, positive, negative):
        self.preference, self.utility = odds(numpy.asarray(positive, float), numpy.asarray(negative, float))

    def defined(self):
        """Which pairs have a utility at every multiplier."""
        return numpy.isfinite(self.utility).all(axis=0)

    def trade(self, weights, defined):
        """(gain, loss) by weights of pairs, [pairs, samples]. Losses are of the pairs that are `defined`."""
        gain = average(self.preference, weights)
        loss = -average(self.utility[:, defined], weights[defined])
        return gain - gain[0], loss - loss[0]


def evenly(pairs):
    """Every pair once."""
    return numpy.ones((pairs, 1))


def average(values, weights):
    return values @ weights / weights.sum(axis=0)


def crossing(values, level):
    """(index of the first multiplier whose value is above `level`, or their number; the share of the way there from the one
    before at which it is crossed), each [samples]. Values begin at or below the level."""
    above = values > level
    index = numpy.where(above.any(axis=0), above.argmax(axis=0), len(values))
    inside = numpy.clip(index, 1, len(values) - 1)
    before, behind = at(values, inside - 1), at(values, inside)
    span = numpy.where(behind > before, behind - before, 1)
    return index, numpy.clip((level - before) / span, 0, 1)


def at(values, index):
    return values[index, numpy.arange(values.shape[1])]


def between(values, index, share):
    before, behind = at(values, index - 1), at(values, index)
    return before + share * (behind - before)


def gain_within(gain, loss, budget):
    """The largest gain on the way from 0 to where the loss first exceeds the budget: (gain, whether it does)."""
    index, share = crossing(loss, budget)
    ends = index < len(loss)
    best = at(numpy.maximum.accumulate(gain), index - 1)
    crossed = between(gain, numpy.clip(index, 1, len(loss) - 1), share)
    return numpy.where(ends, numpy.maximum(best, crossed), best), ends


def loss_for(gain, loss, target):
    """The loss where the gain first exceeds the target, which is above 0; infinite where that was not reached."""
    index, share = crossing(gain, target)
    return numpy.where(index < len(gain), between(loss, numpy.clip(index, 1, len(gain) - 1), share), numpy.inf)


class Comparison:
    """Methods that trained the same carrier for the same pairs: curves by method and seed, the same seeds for all.

    One mode of losses, one set of pairs with a utility and one resample of the pairs serve all of them. An estimate is the
    mean over seeds of what each seed's curve tells.
    """

    def __init__(self, curves, budgets, shares, resamples):
        self.curves, self.budgets, self.resamples = curves, budgets, resamples
        every = [curve for by_seed in curves.values() for curve in by_seed]
        self.defined = numpy.logical_and.reduce([curve.defined() for curve in every])
        self.pairs = len(self.defined)
        if not self.defined.any():
            return
        whole = {method: self._trades(by_seed, evenly(self.pairs)) for method, by_seed in curves.items()}
        largest = {method: self._within(trades, max(budgets))[:, 0].mean() for method, trades in whole.items()}
        # Difference of means is no training: where it gains little it would make every target little.
        self.reach = min((gain for method, gain in largest.items() if method != "difference_of_means"), default=0)
        self.targets = [share * self.reach for share in shares] if self.reach >= LEAST_REACH else []
        self.unended = {method: [int((~self._ends(trades, budget)).sum()) for budget in budgets]
                        for method, trades in whole.items()}
        self.estimates = {method: self._numbers(trades).mean(axis=0)[:, 0] for method, trades in whole.items()}
        self.samples = self._bootstrap()

    def _trades(self, by_seed, weights):
        return [curve.trade(weights, self.defined) for curve in by_seed]

    @staticmethod
    def _within(trades, budget):
        return numpy.stack([gain_within(*trade, budget)[0] for trade in trades])

    @staticmethod
    def _ends(trades, budget):
        return numpy.stack([gain_within(*trade, budget)[1] for trade in trades])

    def _numbers(self, trades):
        """[seeds, budgets and then targets, samples]"""
        rows = [[gain_within(*trade, budget)[0] for budget in self.budgets] +
                [loss_for(*trade, target) for target in self.targets] for trade in trades]
        return numpy.array(rows)

    def _bootstrap(self):
        """{method: [budgets and then targets, resamples]}: pairs drawn with replacement, alike for all methods, then seeds, for
        each method apart. Seeded, so that a report can be made again."""
        generator = numpy.random.default_rng(1)
        drawn = numpy.empty((self.resamples, self.pairs), int)
        for row in drawn:
            row[:] = generator.integers(self.pairs, size=self.pairs)
            while not self.defined[row].any():  # a resample without any utility tells nothing
                row[:] = generator.integers(self.pairs, size=self.pairs)
        weights = numpy.stack([numpy.bincount(row, minlength=self.pairs) for row in drawn], axis=1)
        samples = {}
        for method, by_seed in self.curves.items():
            numbers = self._numbers(self._trades(by_seed, weights))
            seeds = generator.integers(len(by_seed), size=(len(by_seed), self.resamples))
            samples[method] = numbers[seeds, :, numpy.arange(self.resamples)].mean(axis=0).T
        return samples

    def interval(self, method, which):
        return interval(self.samples[method][which])

    def advantage(self, method, other, which):
        """How much better `method` is than `other`: more gain, or less loss. (estimate, low, high)"""
        def better(mine, others):
            if which < len(self.budgets):
                return mine - others
            both = numpy.isinf(mine) & numpy.isinf(others)  # neither gets there
            return numpy.where(both, 0, numpy.where(both, 0, others) - numpy.where(both, 0, mine))
        estimate = better(self.estimates[method][which], self.estimates[other][which])
        return float(estimate), *interval(better(self.samples[method][which], self.samples[other][which]))


def interval(samples):
    """95 %, of samples among which may be infinite ones: no values between two of them."""
    low, high = numpy.quantile(samples, (1 - MOST_QUANTILE, MOST_QUANTILE), method="inverted_cdf")
    return float(low), float(high)


def verdict(advantage):
    """The interval leaves 0 out, and so does its mirror image about the estimate. The largest of noisy gains is biased upwards: an
    interval that lies far to one side of its estimate is no proof."""
    estimate, low, high = advantage
    mirrored = [2 * estimate - end if abs(end) < math.inf and abs(estimate) < math.inf else end for end in (high, low)]
    if low > 0 and mirrored[0] > 0:
        return "wins"
    return "loses" if high < 0 and mirrored[1] < 0 else "ties"
