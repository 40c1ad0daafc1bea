"""Writes results/comparison.md and its pictures from kept results. Every sentence about a result comes from a number."""

import statistics

import comparison_grid as grid
import datasets
import pilot
import trade
import trade_svg
from comparison_tables import TITLES, counts_section, differences_table, groups_of, main_table, number
from fits_report import table

INTRODUCTION = """\
Written by `tests/paper/run.sh --report comparison` from what it measured; the paper is arXiv 2602.02343. Its claim: SPLIT buys more
preference for the same utility than the other methods. All signals are trained and measured by the service, and
measured on pairs that nothing was trained or chosen on. gain(m) = P(m) - P(0) and loss(m) = U(0) - U(m) are means over
pairs for m from 0 upwards, P preference and U utility log-odds in nats. **Gain within a loss**: the largest gain on the way from
m = 0 to where the loss first exceeds the budget; 0 is what no steering gains. **Loss for a gain**: the loss where the gain is first reached,
∞ if it is not within the measured multipliers. Straight lines between measured multipliers, nothing beyond them.
In brackets 95 % intervals: bootstrap over pairs, the same for all methods, and over seeds; of one seed, over pairs alone, so that it
knows nothing of how seeds differ. The largest of noisy gains is biased upwards, so an interval may lie far to one side of its
estimate: SPLIT *wins* or *loses* where the interval of the difference and its mirror image about the estimate leave 0 out, else it
*ties*.
"""


def pilot_section(piloted, settings):
    """What other speeds of training would have given, on training pairs."""
    asked = settings["pilot"]
    titles, taken = {line["model"]: result["model"] for line, result in piloted}, pilot.chosen(piloted, asked)
    rows = []
    for (model, carrier, travel), by_method in pilot.gains(piloted, asked).items():
        cells = [number(by_method[method]) if method in by_method else "–" for method in asked["methods"]]
        mean = pilot.mean_gain(by_method, asked)
        rows.append([titles[model], grid.CARRIERS[carrier], f"{travel:g}", *cells, "–" if mean is None else number(mean),
                     "taken" if taken.get((model, carrier)) == travel else ""])
    header = ["model", "carrier", "travel", *(grid.METHODS[method] for method in asked["methods"]), "mean", ""]
    return ["## How fast signals are trained", "",
            f"Gain within a loss of {asked['budget']:g} on the first {asked['pairs']} *training* pairs of "
            f"{datasets.NAMES[asked['data']]}, seed {asked['seed']}, after {asked['steps']} steps, by how far the optimiser can "
            "travel (`comparison_grid.py`); losses per token, or per answer for a carrier where, by some method, fewer than half of "
            "the pairs have a utility per token. The travel with the largest mean is taken for all methods of a carrier.", "",
            *table(header, rows)]


def rows_text(name, rows, longest=None):
    which = f" that have at most {longest} characters" if longest else " of the concept" if name.startswith("axbench") else ""
    return f"rows {rows[0] + 1} to {rows[1]}{which} of `data/{datasets.FILES.get(name, datasets.AXBENCH)}`"


def conditions(groups, measured, missing, settings):
    lines = ["## What was run", ""]
    lines += [f"- {missing} of the grid's {missing + len(measured)} cells are not measured." if missing else
              f"- All of the grid's {len(measured)} cells are measured."]
    for data in dict.fromkeys(group.data for group in groups):
        parts = [rows_text(*settings["data"][data][part]) for part in ("train", "held_out")]
        lines.append(f"- {datasets.NAMES[data]}: trained on {parts[0]}, measured on {parts[1]}.")
    for group in groups:
        lines.append(f"- {', '.join(group.names)}: seeds {', '.join(map(str, group.seeds))}.")
    results = [result for _, result in measured]
    steps = {result["spec"]["signal"]["learner"].get("steps") for line, result in measured if "seed" in line} - {None}
    if steps:
        lines.append(f"- Trained for {', '.join(map(str, sorted(steps)))} steps of {settings['batch']} pairs, both signs of every pair.")
    where = {"{machine}, {cores} cores, {threads} threads".format(**result["conditions"]) for result in results}
    loads, spent = ([result["conditions"]["load"] for result in results], [result["seconds"] for result in results])
    lines.append(f"- The model in {grid.DTYPE} in training and measuring, as the paper's code has it: a single pair's loss is uncertain "
                 "by some hundredths of a nat.")
    lines.append(f"- Measured on {'; '.join(sorted(where))}, load {min(loads):.1f} to {max(loads):.1f}, on a "
                 f"shared machine: {statistics.median(spent):.0f} seconds a cell in the median.")
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


def write(results, settings, piloted, compared, *, missing, small):
    groups = groups_of(compared, settings)
    text = ["# SPLIT against other methods, on small models", ""]
    if small:
        text += ["**A check of the machinery on a few pairs and steps. Its numbers say nothing of the paper.**", ""]
    text += [INTRODUCTION]
    for mode, title in TITLES.items():
        chosen = [group for group in groups if group.mode == mode]
        if not chosen:
            continue
        text += [f"## {title}", "", MODE_WORDS[mode], "", *counts_section(chosen, settings),
                 f"### The trade, {title.lower()}", "", *main_table(chosen, settings), DAGGER, "",
                 f"### SPLIT against each, {title.lower()}", "", *differences_table(chosen, settings)]
    if groups:
        text += pictures(results, groups, settings)
    text += [*pilot_section(piloted, settings), *conditions(groups, piloted + compared, missing, settings)]
    (results / "comparison.md").write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")
    print(f"report: {results / 'comparison.md'}", flush=True)


MODE_WORDS = {
    "mean": "Losses are means over an answer's tokens, as in the paper's code. A pair has a utility where its two masses sum to less "
            "than 1; the others are left out of the loss, for all methods alike, never clamped, and stay in the gain.",
    "sum": "Here fewer than half of the pairs have a utility by means at every multiplier: short answers with a certain end have "
           "means whose masses exceed 1. These groups are judged on sums over an answer's tokens, which always have one; budgets are "
           "in nats per answer.",
}
DAGGER = ("The reach is the smallest largest gain of the trained methods within the largest budget; where it is below "
          f"{trade.LEAST_REACH:g} nats there are no targets. † The measured multipliers "
          "end before the loss does exceed the budget, in some seed: the gain is that of the measured range.")
