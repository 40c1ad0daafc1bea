"""Writes results/comparison.md and its pictures from kept results. Every sentence about a result comes from a number."""

import collections

import comparison_grid as grid
import datasets
import trade
import trade_svg
from fits_report import table

INTRODUCTION = """\
Written by `tests/paper/run.sh --report comparison` from what it measured; the paper is arXiv 2602.02343. Its claim: SPLIT buys more
preference for the same utility than the other methods. All signals are trained and measured by the service, and
measured on pairs that nothing was trained or chosen on. gain(m) = P(m) - P(0) and loss(m) = U(0) - U(m) are means over
pairs for m from 0 upwards, P preference and U utility log-odds in nats. **Gain within a loss**: the largest gain on the way from
m = 0 to where the loss first exceeds the budget; 0 is what no steering gains. **Loss for a gain**: the loss where the gain is first reached,
∞ if it is not within the measured multipliers. Straight lines between measured multipliers, nothing beyond them.
In brackets 95 % intervals: bootstrap over pairs, the same for all methods, and over seeds. SPLIT *wins* or *loses* where the
interval of the difference leaves 0 out, else it *ties*.
"""
MODES = {"mean": "Losses per token", "sum": "Losses per answer"}


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


def losses(result, mode):
    """Of both answers, by multiplier and pair."""
    if mode == "sum":
        return result["positive"], result["negative"]
    return [[[loss / count for loss, count in zip(row, counts)] for row in result[sign]]
            for sign, counts in zip(("positive", "negative"), result["tokens"])]


def groups_of(finished, settings):
    """Groups in which every method has a seed, in the grid's order."""
    found = collections.OrderedDict()
    for line, result in finished:
        if "seed" in line:
            key = result["model"], line["data"], line["carrier"]
            found.setdefault(key, {}).setdefault(line["method"], {})[line["seed"]] = result
    whole = [Group(key, by_method, settings) for key, by_method in found.items()
             if set(by_method) == set(settings["carriers"][key[2]])]
    return [group for group in whole if group.seeds]


def number(value):
    return ("∞" if value > 0 else "-∞") if abs(value) == float("inf") else f"{value:+.2f}"


def with_interval(value, low, high):
    return f"{number(value)} ({number(low)} .. {number(high)})"


def main_table(groups, settings):
    header = ["data set", "model", "carrier", "method", "seeds", "pairs with utility",
              *(f"gain within {budget:g}" for budget in settings["budgets"]),
              *(f"loss for {share:.0%} of the reach" for share in settings["shares"])]
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
    header = ["data set", "model", "carrier", "SPLIT against", *(f"gain within {budget:g}" for budget in settings["budgets"]),
              *(f"loss saved at {share:.0%} of the reach" for share in settings["shares"]), "reach"]
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
    lines = [f"SPLIT wins {total['wins']} of {every} comparisons, ties {total['ties']} and loses {total['loses']}, over "
             f"{len(groups)} groups of model, data set and carrier, every budget and every target.", ""]
    lost = [f"{', '.join(group.names)}: against {grid.METHODS[rival]} "
            f"{sum(trade.verdict(advantage) == 'loses' for advantage in advantages(group, rival))} of "
            f"{len(advantages(group, rival))}" for group in groups for rival in group.rivals
            if any(trade.verdict(advantage) == "loses" for advantage in advantages(group, rival))]
    if lost:
        lines += ["Where SPLIT loses:", "", *(f"- {text}." for text in lost), ""]
    return lines + table(["against", "carrier", "question", "SPLIT wins", "ties", "loses"], rows)


def pilot_section(finished, settings):
    """What other speeds of training would have given, on training pairs."""
    pilot = settings["pilot"]
    piloted = [(line, result) for line, result in finished if "travel" in line]
    curves = {mode: [trade.Curve(*losses(result, mode)) for _, result in piloted] for mode in MODES}
    short = {(line["model"], line["carrier"]) for (line, _), curve in zip(piloted, curves["mean"])
             if 2 * curve.defined().sum() < pilot["pairs"]}  # judged on sums, all of them
    gains = collections.defaultdict(dict)
    for i, (line, result) in enumerate(piloted):
        curve = curves["sum" if (line["model"], line["carrier"]) in short else "mean"][i]
        traded = curve.trade(trade.evenly(pilot["pairs"]), curve.defined())
        key = line["model"], result["model"], line["carrier"], line["travel"]
        gains[key][line["method"]] = trade.gain_within(*traded, pilot["budget"])[0][0]
    if not gains:
        return []
    rows = []
    for (model, title, carrier, travel), by_method in gains.items():
        cells = [number(by_method[method]) if method in by_method else "–" for method in pilot["methods"]]
        mean = number(sum(by_method.values()) / len(by_method)) if "–" not in cells else "–"
        rows.append([title, grid.CARRIERS[carrier], f"{travel:g}", *cells, mean,
                     "taken" if travel == grid.TRAVELS[model][carrier] else ""])
    header = ["model", "carrier", "travel", *(grid.METHODS[method] for method in pilot["methods"]), "mean", ""]
    return ["## How fast signals are trained", "",
            f"Gain within a loss of {pilot['budget']:g} on the first {pilot['pairs']} *training* pairs of "
            f"{datasets.NAMES[pilot['data']]}, seed {pilot['seed']}, after {pilot['steps']} steps, by how far the optimiser can "
            "travel (`comparison_grid.py`); losses per token, or per answer for a carrier where, by some method, fewer than half of "
            "the pairs have a utility per token. The travel with the largest mean is taken for all methods of a carrier.", "", *table(header, rows)]


def rows_text(name, rows, longest=None):
    which = f" that have at most {longest} characters" if longest else " of the concept" if name.startswith("axbench") else ""
    return f"rows {rows[0] + 1} to {rows[1]}{which} of `data/{datasets.FILES.get(name, datasets.AXBENCH)}`"


def conditions(groups, finished, missing, settings):
    lines = ["## What was run", ""]
    lines += [f"- {missing} of the grid's {missing + len(finished)} cells are not measured." if missing else
              f"- All of the grid's {len(finished)} cells are measured."]
    for data in dict.fromkeys(group.data for group in groups):
        parts = [rows_text(*settings["data"][data][part]) for part in ("train", "held_out")]
        lines.append(f"- {datasets.NAMES[data]}: trained on {parts[0]}, measured on {parts[1]}.")
    for group in groups:
        lines.append(f"- {', '.join(group.names)}: seeds {', '.join(map(str, group.seeds))}.")
    results = [result for _, result in finished]
    steps = {result["spec"]["signal"]["learner"].get("steps") for line, result in finished if "seed" in line} - {None}
    if steps:
        lines.append(f"- Trained for {', '.join(map(str, sorted(steps)))} steps of {settings['batch']} pairs, both signs of every pair.")
    where = {"{machine}, {cores} cores, {threads} threads".format(**result["conditions"]) for result in results}
    loads, spent = ([result["conditions"]["load"] for result in results], [result["seconds"] for result in results])
    lines.append(f"- Measured on {'; '.join(sorted(where))}, load {min(loads):.1f} to {max(loads):.1f}; {min(spent):.0f} to "
                 f"{max(spent):.0f} seconds a cell, {sum(spent) / 3600:.1f} hours in all.")
    lines.append(f"- By the code of {', '.join(sorted({result['conditions']['commit'] for result in results}))}.")
    return lines + [""]


def pictures(results, groups, settings):
    lines = ["## Pictures", "", "The largest gain within a loss of utility, against that loss: mean and range over seeds.", ""]
    folder = results / "comparison"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.svg"):
        old.unlink()
    for model in dict.fromkeys(group.model for group in groups):
        name = model.split(".")[0].lower() + ".svg"
        (folder / name).write_text(trade_svg.draw(model, [group for group in groups if group.model == model],
                                                  max(settings["budgets"])), encoding="utf-8")
        lines.append(f"![{model}](comparison/{name})")
    return lines + [""]


def write(results, settings, finished, missing, small):
    groups = groups_of(finished, settings)
    text = ["# SPLIT against other methods, on small models", ""]
    if small:
        text += ["**A check of the machinery on a few pairs and steps. Its numbers say nothing of the paper.**", ""]
    text += [INTRODUCTION]
    for mode, title in MODES.items():
        chosen = [group for group in groups if group.mode == mode]
        if not chosen:
            continue
        text += [f"## {title}", "", MODE_WORDS[mode], "", *counts_section(chosen, settings),
                 f"### The trade, {title.lower()}", "", *main_table(chosen, settings), DAGGER, "",
                 f"### SPLIT against each, {title.lower()}", "", *differences_table(chosen, settings)]
    if groups:
        text += pictures(results, groups, settings)
    text += [*pilot_section(finished, settings), *conditions(groups, finished, missing, settings)]
    (results / "comparison.md").write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")
    print(f"report: {results / 'comparison.md'}", flush=True)


MODE_WORDS = {
    "mean": "Losses are means over an answer's tokens, as in the paper's code. A pair has a utility where its two masses sum to less "
            "than 1; the others are left out of the loss, for all methods alike, never clamped, and stay in the gain.",
    "sum": "Here fewer than half of the pairs have a utility by means at every multiplier: short answers with a certain end have "
           "means whose masses exceed 1. These groups are judged on sums over an answer's tokens, which always have one.",
}
DAGGER = ("The reach is the smallest largest gain of the trained methods within the largest budget. † The measured multipliers "
          "end before the loss does exceed the budget, in some seed: the gain is that of the measured range.")
