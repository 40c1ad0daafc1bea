"""The report of fits: dose curves of signals, on the default model."""

import itertools
import pathlib
import shutil

import datasets
import fits_report
import grid
from cells import canonical, read_json, sha256, write_json


class Trainer:
    """The reference's model, loaded when first needed: most runs find everything done."""

    def __init__(self, model, threads):
        self._path, self._threads, self._loaded = model, threads, None

    def train(self, pairs, settings, tell):
        import torch
        import sweep_reference
        import train_reference
        if self._loaded is None:
            torch.set_num_threads(self._threads)
            self._loaded = sweep_reference.load(str(self._path), attention="sdpa")
        return train_reference.train(*self._loaded, pairs, settings, tell)


class FitsRun:
    """One pass over the grid. In f32, as the reference trains."""

    def __init__(self, pool, args):
        self.pool, self.args = pool, args
        self.grid = grid.SMALL if args.small else grid.FULL
        self.trainer = Trainer(pool.models["default"], pool.threads)

    def specs(self):
        """Per line of the report (data set, signal): the spec of its signal's cell and of its curve's."""
        for signal, (data, rows) in itertools.product(self.grid["signals"], self.grid["data"].items()):
            name = f"{data} {signal['form']} {signal['method']}"
            if self.args.only and self.args.only.lower() not in name.lower():
                continue
            learner = dict(signal["learner"])
            if "objective" in learner:
                learner["steps"] = self.args.steps or rows["steps"]
            signal_spec = {"schema": grid.SIGNAL_SCHEMA, "model": self.pool.mark("default"), "learner": learner,
                           "pairs": datasets.mark(data, rows["train"])}
            curve_spec = {"schema": grid.CURVE_SCHEMA, "signal": sha256(canonical(signal_spec)), "dtype": "f32",
                          "pairs": datasets.mark(data, rows["held_out"]), "as_spelt": True,
                          "outermost": self.grid["outermost"][learner["kind"]],
                          "per_side": self.grid["multipliers_per_side"], "resamples": self.grid["resamples"],
                          "max_utility_loss": self.grid["max_utility_loss"], "title": name.replace(" ", "-")}
            yield name, {"data": data, **signal}, signal_spec, curve_spec

    def run(self):
        lines = list(self.specs())
        self.pool.progress.expect(self.pool, [spec for _, _, *specs in lines for spec in specs])
        finished = []
        for name, line, signal_spec, curve_spec in lines:
            if self.pool.out_of_time() and not self.pool.cells.finished(curve_spec):
                continue
            folders = (self.pool.make(f"{name}: signal", signal_spec, lambda folder: self.make_signal(folder, signal_spec)),
                       self.pool.make(f"{name}: curve", curve_spec,
                                      lambda folder: self.make_curve(folder, signal_spec, curve_spec)))
            finished.append((line, *folders))
        if finished:
            fits_report.write(self.args.results, finished, small=self.args.small)

    def make_signal(self, folder, spec):
        pairs = datasets.read_pairs(spec["pairs"]["data"], *spec["pairs"]["rows"])
        datasets.write_pairs(folder / "pairs.jsonl", pairs)
        if "objective" in spec["learner"]:
            import train_reference
            tensors, log = self.trainer.train(pairs, spec["learner"], self.pool.progress.tell)
            write_json(folder / "learned.json", {key: log[key] for key in ("layer", "pairs_used", "steps")})
            train_reference.save_signal(folder / "signal.safetensors", spec["learner"]["kind"], log["layer"], tensors)
        else:
            service = self.pool.service("default", "f32")
            job = service.steerctl("learn", folder / "pairs.jsonl")
            write_json(folder / "learned.json", {"signal_id": job["signal_id"], **job["results"]})
            shutil.copyfile(service.payload(job["signal_id"]), folder / "signal.safetensors")
        write_json(folder / "conditions.json", self.pool.conditions())

    def make_curve(self, folder, signal_spec, spec):
        signal, service = self.pool.cells.folder(signal_spec), self.pool.service("default", "f32")
        learned = read_json(signal / "learned.json")
        unit = learned["mean_activation_norm"] / learned["norm"] if signal_spec["learner"]["kind"] == "vector" else 1.0
        added = service.steerctl("signal", "add", signal / "signal.safetensors", "--alias", spec["title"])
        signal_id = added["signal"]["id"]
        datasets.write_pairs(folder / "pairs.jsonl", datasets.read_pairs(spec["pairs"]["data"], *spec["pairs"]["rows"]))
        values = [round(m * unit, 6) for m in grid.multipliers(spec["outermost"], spec["per_side"])]
        swept = service.steerctl("sweep", folder / "pairs.jsonl", "--signal", signal_id, "--as-spelt",
                                 "--multipliers=" + ",".join(map(str, values)))
        write_json(folder / "curve.json", {"unit": unit, **swept})
        near = values[len(values) // 2 - 3], values[len(values) // 2 + 3]
        score = service.steerctl("score", folder / "pairs.jsonl", "--signal", signal_id, "--as-spelt",
                                 f"--multipliers={near[0]},{near[1]}")
        write_json(folder / "score.json", score)
        self.fit(folder, service, swept["curve"]["id"], spec)
        write_json(folder / "conditions.json", self.pool.conditions())

    @staticmethod
    def fit(folder: pathlib.Path, service, curve, spec):
        for mode, flags in (("mean", ()), ("sum", ("--sum",))):
            picture = folder / f"{mode}.svg"
            fit = service.steerctl("fit", curve, "--resamples", spec["resamples"], "--svg", picture, *flags)
            write_json(folder / f"fit_{mode}.json", fit)
        # The picture of means again, with the multiplier.
        told, message = service.steerctl("recommend", curve, "--max-loss", spec["max_utility_loss"],
                                         "--svg", folder / "mean.svg", may_fail=True)
        write_json(folder / "recommend.json", {"told": told, "message": message})
