"""The comparison's groups of kept results, and the tables that tell of them."""

import collections

import comparison_grid as grid
import datasets
import trade
from fits_report import table
from pilot import MODES, losses

TITLES = {"mean": "Losses per token", "sum": "Losses per answer"}


class Group:
    """What is compared with each other: the methods on a model, a data set and a carrier, in the seeds that all of them have."""

    def __init__(self, key, by_method, settings):
        self.key = self.model, self.data, self.carrier = key
        self.seeds = sorted(set.intersection(*(set(by_seed) for by_seed in by_method.values())))
        self.results = {method: [by_seed[seed] for seed in self.seeds] for method, by_seed in by_method.items()}
        self.comparisons = {mode: self._compare(mode, settings) for mode in MODES} if self.seeds else {}

    def _compare(self, mode, settings):
        curves = {method: [trade.Curve(*losses(result, mode)) for result in results]
                  for method, results in self.results.items()}
        return trade.Comparison(curves, settings["budgets"], settings["shares"], settings["resamples"])

    @property
    def mode(self):
        """Means, as the paper's code has them, if half of the pairs have a utility by them wherever it was measured."""
        means = self.comparisons["mean"]
        return "mean" if 2 * means.defined.sum() >= means.pairs else "sum"

    @property
    def comparison(self):
        return self.comparisons[self.mode]

    @property
    def names(self):
        return [datasets.NAMES[self.data], self.model, grid.CARRIERS[self.carrier]]

    @property
    def rivals(self):
        return [method for method in self.results if method != "split"]


def groups_of(compared, settings):
    """Groups in which every method has a seed, in the grid's order."""
    found = collections.OrderedDict()
    for line, result in compared:
        key = result["model"], line["data"], line["carrier"]
        found.setdefault(key, {}).setdefault(line["method"], {})[line["seed"]] = result
    whole = [Group(key, by_method, settings) for key, by_method in found.items()
             if set(by_method) == set(settings["carriers"][key[2]])]
    return [group for group in whole if group.seeds]


def number(value):
    return ("∞" if value > 0 else "-∞") if abs(value) == float("inf") else f"{value:+.2f}"


def with_interval(value, low, high):
    return f"{number(value)} ({number(low)} .. {number(high)})"


def questions(settings, at_gain="loss saved at"):
    """What a comparison's numbers answer, in their order."""
    return [*(f"gain within {budget:g}" for budget in settings["budgets"]),
            *(f"{at_gain} {share:.0%} of the reach" for share in settings["shares"])]


def main_table(groups, settings):
    header = ["data set", "model", "carrier", "method", "seeds", "pairs with utility",
              *questions(settings, "loss for")]
    rows = []
    for group in groups:
        comparison = group.comparison
        for method in group.results:
            cells = []
            for which, value in enumerate(comparison.estimates[method]):
                short = which < len(settings["budgets"]) and comparison.unended[method][which]
                cells.append(with_interval(value, *comparison.interval(method, which)) + ("†" if short else ""))
            cells += ["–"] * (len(settings["budgets"]) + len(settings["shares"]) - len(cells))
            rows.append([*group.names, grid.METHODS[method], str(len(group.seeds)),
                         f"{comparison.defined.sum()} of {comparison.pairs}", *cells])
    return table(header, rows)


def differences_table(groups, settings):
    header = ["data set", "model", "carrier", "SPLIT against", *questions(settings), "reach"]
    rows = []
    for group in groups:
        for rival in group.rivals:
            cells = [f"{with_interval(*found)} {trade.verdict(found)}" for found in advantages(group, rival)]
            cells += ["–"] * (len(settings["budgets"]) + len(settings["shares"]) - len(cells))
            rows.append([*group.names, grid.METHODS[rival], *cells, number(group.comparison.reach)])
    return table(header, rows)


def advantages(group, rival):
    comparison = group.comparison
    return [comparison.advantage("split", rival, which) for which in range(len(comparison.estimates[rival]))]


def counts(groups, settings):
    """Rows of how often SPLIT wins, ties and loses, by rival and carrier."""
    found = collections.defaultdict(collections.Counter)
    for group in groups:
        for rival in group.rivals:
            for which, advantage in enumerate(advantages(group, rival)):
                question = "gain at equal loss" if which < len(settings["budgets"]) else "loss at equal gain"
                for carrier in (grid.CARRIERS[group.carrier], "all"):
                    found[grid.METHODS[rival], carrier, question][trade.verdict(advantage)] += 1
    return found


def counts_section(groups, settings):
    found = counts(groups, settings)
    order = {name: i for i, name in enumerate([*grid.METHODS.values(), *grid.CARRIERS.values(), "all"])}
    rows = [[rival, carrier, question, *(str(counter[word]) for word in ("wins", "ties", "loses"))]
            for (rival, carrier, question), counter in
            sorted(found.items(), key=lambda item: (item[0][2], order[item[0][0]], order[item[0][1]]))]
    total = sum((counter for (_, carrier, _), counter in found.items() if carrier == "all"), collections.Counter())
    every = sum(total.values())
    lines = [f"SPLIT wins {total['wins']} of {every} comparisons, ties {total['ties']} and loses {total['loses']}: with every rival, at "
             f"every budget and every target, of each model, data set and carrier ({len(groups)}). Those of one curve depend on "
             "each other.", ""]
    lost = [f"{', '.join(group.names)}, against {grid.METHODS[rival]}: {question} {with_interval(*advantage)}"
            for group in groups for rival in group.rivals
            for question, advantage in zip(questions(settings), advantages(group, rival)) if trade.verdict(advantage) == "loses"]
    if lost:
        lines += ["Where SPLIT loses:", "", *(f"- {text}." for text in lost), ""]
    return lines + table(["against", "carrier", "question", "SPLIT wins", "ties", "loses"], rows)
