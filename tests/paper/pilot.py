"""How fast a model's carrier is trained: the travel with which its methods together gain most, on training pairs."""

import trade

MODES = ("mean", "sum")


def losses(result, mode):
    """Of both answers, by multiplier and pair; per token or per answer."""
    if mode == "sum":
        return result["positive"], result["negative"]
    return [[[loss / count for loss, count in zip(row, counts)] for row in result[sign]]
            for sign, counts in zip(("positive", "negative"), result["tokens"])]


def gains(piloted, pilot):
    """{(model, carrier, travel): {method: gain within the pilot's budget}} of [(line, result)]. A carrier where fewer than half
    of the pairs have a utility per token, by some method, is judged on losses per answer."""
    curves = {mode: [trade.Curve(*losses(result, mode)) for _, result in piloted] for mode in MODES}
    short = {(line["model"], line["carrier"]) for (line, _), curve in zip(piloted, curves["mean"])
             if 2 * curve.defined().sum() < pilot["pairs"]}
    found = {}
    for i, (line, _) in enumerate(piloted):
        place = line["model"], line["carrier"]
        curve = curves["sum" if place in short else "mean"][i]
        traded = curve.trade(trade.evenly(pilot["pairs"]), curve.defined())
        found.setdefault((*place, line["travel"]), {})[line["method"]] = trade.gain_within(*traded, pilot["budget"])[0][0]
    return found


def mean_gain(by_method, pilot):
    """None before all methods are measured."""
    if set(by_method) != set(pilot["methods"]):
        return None
    return float(sum(by_method.values()) / len(by_method))


def chosen(piloted, pilot):
    """{(model, carrier): travel}, where all travels are measured."""
    found, travels = gains(piloted, pilot), {}
    for model, by_carrier in pilot["travels"].items():
        for carrier, candidates in by_carrier.items():
            means = [mean_gain(found.get((model, carrier, travel), {}), pilot) for travel in candidates]
            if None not in means:
                travels[model, carrier] = candidates[means.index(max(means))]
    return travels
