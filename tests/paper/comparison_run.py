"""The report of the comparison: methods and carriers, trained and measured by the service, over seeds."""

import itertools
import math
import re
import shutil

import comparison_grid as grid
import comparison_report
import datasets
import pilot
import trade
from cells import read_json, sha256, write_json

WORD = re.compile(r"\S+")


class ComparisonRun:
    """One pass over the grid."""

    def __init__(self, pool, args):
        self.pool, self.args = pool, args
        self.grid = grid.SMALL if args.small else grid.FULL
        self.steps = args.steps or self.grid["steps"]

    def service(self, model):
        return self.pool.service(model, grid.DTYPE)

    # ---- what ----

    def mark(self, data, part):
        """The mark of the pairs that a data set is trained on or measured on."""
        mark = datasets.mark(*self.grid["data"][data][part])
        return {**mark, "plain_negatives": self.grid["answers"]} if data.startswith("axbench") else mark

    def signal(self, model, data, carrier, method, seed, travel):
        spec = {"schema": grid.LEARNED_SCHEMA, "model": self.pool.mark(model), "dtype": grid.DTYPE,
                "pairs": self.mark(data, "train"), "seed": seed}
        if method == "difference_of_means":
            return {**spec, "learner": {"kind": carrier, "objective": method, "subset": self.grid["subset"]}}
        learner = {"kind": carrier, "objective": method, "steps": self.steps, "batch": self.grid["batch"],
                   **grid.CARRIER_SETTINGS[carrier], "travel": travel, "settings": grid.SETTINGS[method]}
        return {**spec, "learner": learner}

    def trade(self, signal, pairs):
        probe = self.grid["probe"]
        return {"schema": grid.TRADE_SCHEMA, "signal": signal, "pairs": pairs, "as_spelt": True,
                "multipliers": self.grid["multipliers"],
                "probe": {"pairs": probe["pairs"], "reach": probe["reach"], "powers": probe[signal["learner"]["kind"]]}}

    def pilots(self):
        """(name, line, spec) of what is trained faster and slower, and judged on training pairs."""
        settings = self.grid["pilot"]
        name, (first, _), *limit = self.grid["data"][settings["data"]]["train"]
        pairs = datasets.mark(name, [first, first + settings["pairs"]], *limit)
        asked = [(model, carrier, travel) for model, by_carrier in settings["travels"].items()
                 for carrier, travels in by_carrier.items() for travel in travels]
        for (model, carrier, travel), method in itertools.product(asked, settings["methods"]):
            signal = self.signal(model, settings["data"], carrier, method, settings["seed"], travel)
            signal["learner"]["steps"] = settings["steps"]
            line = {"model": model, "data": settings["data"], "carrier": carrier, "method": method, "travel": travel}
            yield f"pilot {model} {carrier} {method} travel {travel:g}", line, self.trade(signal, pairs)

    def lines(self, model, data_sets, seeds):
        """(name, line) of what a block compares."""
        for seed, data, (carrier, methods) in itertools.product(seeds, data_sets, self.grid["carriers"].items()):
            for method in methods:
                name = f"{model} {data} {carrier} {method} seed {seed}"
                if not self.args.only or self.args.only.lower() in name.lower():
                    yield name, {"model": model, "data": data, "carrier": carrier, "method": method, "seed": seed}

    def spec(self, line, travels):
        """None before the pilot has told how fast to train."""
        travel = travels.get((line["model"], line["carrier"]))
        signal = self.signal(**line, travel=travel)
        if travel is None and signal["learner"]["objective"] != "difference_of_means":
            return None
        return self.trade(signal, self.mark(line["data"], "held_out"))

    # ---- run ----

    def run(self):
        """Block by block; the pilot of a model's carrier comes first, since it tells how fast to train."""
        piloted, compared, missing = {}, [], 0
        for block in self.grid["blocks"]:
            lines = list(self.lines(*block))
            for place in dict.fromkeys((line["model"], line["carrier"]) for _, line in lines):
                if place not in piloted:
                    piloted[place], left = self.measured([asked for asked in self.pilots()
                                                          if (asked[1]["model"], asked[1]["carrier"]) == place])
                    missing += left
            travels = pilot.chosen(list(itertools.chain(*piloted.values())), self.grid["pilot"])
            found, left = self.measured([(name, line, self.spec(line, travels)) for name, line in lines])
            compared, missing = compared + found, missing + left
        if compared or any(piloted.values()):
            comparison_report.write(self.args.results, self.grid, list(itertools.chain(*piloted.values())), compared,
                                    missing=missing, small=self.args.small)

    def measured(self, asked):
        """([(line, result)], how many there is no time for)"""
        self.pool.progress.expect(self.pool, [spec for *_, spec in asked if spec is not None])
        finished = []
        for name, line, spec in asked:
            if spec is None or self.pool.out_of_time() and self.pool.kept.find(spec) is None:
                continue
            finished.append((line, self.pool.keep(name, spec, lambda: self.measure(name, line["model"], spec))))
        return finished, len(asked) - len(finished)

    def measure(self, name, model, spec):
        """What is kept of one signal: the answers' losses, summed over tokens, by multiplier and pair."""
        service, signal = self.service(model), spec["signal"]
        folder = self.pool.cells.make(signal, lambda folder: self.learn(folder, model, signal))
        learned = read_json(folder / "learned.json")
        if signal["learner"]["kind"] == "vector":
            unit = self.norm(model, signal["pairs"])["mean_activation_norm"] / learned["norm"]
        else:
            unit = 1.0
        added = service.steerctl("signal", "add", folder / "signal.safetensors", "--alias", sha256(name)[:16])
        score = Score(service, added["signal"]["id"])
        outermost = self.outermost(score, self.pairs(model, signal["pairs"])[:spec["probe"]["pairs"]], unit, spec)
        values = [round(m, 6) for m in grid.multipliers(outermost, spec["multipliers"])]
        points, tokens = score(self.pairs(model, spec["pairs"]), values)
        return {"model": self.pool.models[model].stem, "unit": unit, "learned": learned, "multipliers": values,
                "tokens": tokens, "positive": points[0], "negative": points[1]}

    @staticmethod
    def outermost(score, pairs, unit, spec):
        """The least probed multiplier with so much loss of utility, else the largest. Sums, where fewer than half of the pairs
        have a utility by means."""
        low, high = spec["probe"]["powers"]
        values = [0.0, *(unit * 2.0 ** power for power in range(low, high + 1))]
        (positive, negative), tokens = score(pairs, values)
        means = trade.Curve(*by_token(positive, negative, tokens))
        curve = means if 2 * means.defined().sum() >= len(pairs) else trade.Curve(positive, negative)
        _, loss = curve.trade(trade.evenly(len(pairs)), curve.defined())
        return next((m for m, lost in zip(values, loss[:, 0]) if lost >= spec["probe"]["reach"]), values[-1])

    # ---- parts of a cell ----

    def pairs(self, model, mark):
        pairs = datasets.marked(mark)
        if "plain_negatives" not in mark:
            return pairs
        limits = mark["plain_negatives"]
        spec = {"schema": grid.ANSWERS_SCHEMA, "model": self.pool.mark(model), "dtype": grid.DTYPE, "pairs": mark}
        answers = self.part(spec, lambda: {"answers": self.answers(model, pairs, limits["max_tokens"])})["answers"]
        cut = [(question, first_words(positive, limits["words"]), first_words(answer, limits["words"]))
               for (question, positive, _), answer in zip(pairs, answers)]
        return [pair for pair in cut if pair[2] and pair[1] != pair[2]]

    def answers(self, model, pairs, max_tokens):
        return [self.service(model).steerctl("generate", question, "--temperature", 0, "--max-tokens", max_tokens)["text"]
                for question, *_ in pairs]

    def norm(self, model, mark):
        """|h|, the mean norm where vectors are added, and its width."""
        def measure():
            service = self.service(model)
            results = service.steerctl("learn", service.pairs_file(self.pairs(model, mark)))["results"]
            return {"mean_activation_norm": results["mean_activation_norm"], "width": int(service.steerctl("model")["hidden"])}
        spec = {"schema": grid.NORM_SCHEMA, "model": self.pool.mark(model), "dtype": grid.DTYPE, "pairs": mark}
        return self.part(spec, measure)

    def part(self, spec, measure):
        """A kept result that cells share."""
        found = self.pool.kept.find(spec)
        if found is None:
            self.pool.kept.keep(spec, {"seconds": None, "conditions": self.pool.conditions(), **measure()})
            found = self.pool.kept.find(spec)
        return found

    def learn(self, folder, model, spec):
        service, learner, seed = self.service(model), spec["learner"], spec["seed"]
        pairs = self.pairs(model, spec["pairs"])
        options, told = [], {}
        if learner["objective"] == "difference_of_means":
            pairs = subset(pairs, learner["subset"], seed)
        else:
            told["rate"] = self.rate(model, spec)
            options = ["--method", learner["objective"], "--kind", learner["kind"], "--seed", seed, "--steps", learner["steps"],
                       "--batch", learner["batch"], "--rate", told["rate"],
                       "--factors=" + ",".join(map(str, learner["factors"]))]
            if "rank" in learner:
                options += ["--rank", learner["rank"]]
            for setting in learner["settings"].items():
                options += ["--set", "{}={}".format(*setting)]
        datasets.write_pairs(folder / "pairs.jsonl", pairs)
        job = service.steerctl("learn", folder / "pairs.jsonl", *options)
        write_json(folder / "learned.json", {"signal_id": job["signal_id"], **told, **job["results"]})
        shutil.copyfile(service.payload(job["signal_id"]), folder / "signal.safetensors")
        write_json(folder / "conditions.json", self.pool.conditions())

    def rate(self, model, spec):
        learner = spec["learner"]
        rate = learner["travel"] / learner["steps"]
        if learner["kind"] == "vector":
            norm = self.norm(model, spec["pairs"])
            mean_factor = sum(learner["factors"]) / len(learner["factors"])
            rate *= norm["mean_activation_norm"] / (mean_factor * math.sqrt(norm["width"]))
        return float(f"{rate:.4g}")


class Score:
    """Losses of pairs under a signal."""

    def __init__(self, service, signal_id):
        self._service, self._signal = service, signal_id

    def __call__(self, pairs, multipliers):
        """((positive, negative) losses [multipliers][pairs], sums over tokens; (positive, negative) tokens [pairs])"""
        told = self._service.steerctl("score", self._service.pairs_file(pairs), "--signal", self._signal, "--as-spelt",
                                      "--pairs", "--multipliers=" + ",".join(map(str, multipliers)))
        signs = ("positive", "negative")
        losses = [[[digits(pair["sum"][f"{sign}_loss"]) for pair in point["pairs"]] for point in told["points"]]
                  for sign in signs]
        return losses, [[pair[f"{sign}_tokens"] for pair in told["points"][0]["pairs"]] for sign in signs]


def digits(value):
    return float(f"{value:.6g}")


def by_token(positive, negative, tokens):
    """Losses per token."""
    return [[[loss / count for loss, count in zip(row, counts)] for row in rows]
            for rows, counts in zip((positive, negative), tokens)]


def first_words(text, count):
    """The text up to the end of its count-th word, white space as it is."""
    words = list(WORD.finditer(text))
    return text if len(words) <= count else text[:words[count - 1].end()]


def subset(pairs, share, seed):
    """Some of the pairs, in their order, by hashes: the same wherever."""
    chosen = sorted(range(len(pairs)), key=lambda i: sha256(f"{seed}:{i}"))[:max(1, round(share * len(pairs)))]
    return [pairs[i] for i in sorted(chosen)]
