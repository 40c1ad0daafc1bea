#!/usr/bin/env python3
"""The reference trainer against what must hold of it, on the tiny model, and its losses against the server's."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

os.environ.setdefault("TQDM_DISABLE", "1")
HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "parity"), str(HERE.parent / "integration")]
import torch
import datasets
import objectives
import sweep_reference
import train_reference
from steerd_process import SteerdProcess

PAIRS = datasets.read_pairs("power_seeking", 0, 3)
LAYER = 1
MULTIPLIERS = (-1.5, 0.0, 2.0)


def parameters_of(kind, seed, hidden, ffn):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"vector": {"v": (hidden,)}, "lora": {"A": (4, ffn), "B": (hidden, 4)},
              "local_weight": {"dW": (hidden, ffn), "db": (hidden,)}}
    return {name: 0.1 * torch.randn(shape, generator=generator) for name, shape in shapes[kind].items()}


class TrainReferenceTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.tokenizer, cls.model = sweep_reference.load(os.environ["STEER_TINY_MODEL"], attention="sdpa")
        cls.model.requires_grad_(False)
        cls.sizes = cls.model.config.hidden_size, cls.model.config.intermediate_size

        def example(question, answer):
            return train_reference.Example(cls.model, LAYER, sweep_reference.chat_text(cls.tokenizer, question, answer))

        cls.examples = [[example(question, answer) for answer in answers] for question, *answers in PAIRS]
        for text in sum(cls.examples, []):
            text.plain = train_reference.plain_log_prob(cls.model, LAYER, text)

    def loss(self, parameters, examples, factors):
        tokens = torch.tensor([float(example.answer_tokens) for example in examples])
        return objectives.pooled_loss(
            train_reference.log_probs_of(self.model, LAYER, parameters, examples, factors), tokens)

    def test_a_batch_is_its_texts_pooled_by_tokens(self):
        texts = [example for pair in self.examples for example in pair]
        factors = [0.5, -1.0, 2.0, 0.0, 1.0, -0.3]
        for kind in ("vector", "lora", "local_weight"):
            parameters = parameters_of(kind, 1, *self.sizes)
            alone = [(self.loss(parameters, [text], [factor]).item(), text.text.answer_tokens)
                     for text, factor in zip(texts, factors)]
            pooled = sum(loss * tokens for loss, tokens in alone) / sum(tokens for _, tokens in alone)
            self.assertAlmostEqual(self.loss(parameters, texts, factors).item(), pooled, delta=1e-5)

    def test_a_lora_is_the_local_weight_of_its_product(self):
        lora = parameters_of("lora", 2, *self.sizes)
        weight = {"dW": lora["B"] @ lora["A"], "db": torch.zeros(self.sizes[0])}
        texts = self.examples[0]
        losses = [self.loss(parameters, texts, [1.0, -2.0]).item() for parameters in (lora, weight)]
        self.assertAlmostEqual(*losses, delta=1e-5)

    def test_gradients_are_the_slopes_of_the_objective(self):
        defaults = {**train_reference.DEFAULTS, "theta": 50.0}  # the hinge is active
        step = [[0, 1, 0.6, 1.4], [1, -1, -0.2, -2.0], [2, 1, 1.0, 0.4]]
        for kind in ("vector", "lora", "local_weight"):
            for objective in ("sft", "split", "reps", "dpo"):
                parameters = parameters_of(kind, 3, *self.sizes)
                directions = parameters_of(kind, 4, *self.sizes)
                settings = {**defaults, "objective": objective}

                def value(shift):
                    moved = {name: tensor + shift * directions[name] for name, tensor in parameters.items()}
                    return train_reference.objective_of(self.model, LAYER, moved, self.examples, step, settings)[0]

                shift = torch.zeros((), requires_grad=True)
                value(shift).backward()
                e = 1e-2
                measured = (value(e).item() - value(-e).item()) / (2 * e)
                delta = 2e-2 * abs(measured) + 1e-3
                self.assertAlmostEqual(shift.grad.item(), measured, delta=delta, msg=f"{kind} {objective}")

    def test_the_hinge_acts_until_the_margin_is_there(self):
        winning, losing = torch.tensor(1.0), torch.tensor(1.3)
        plain = 1.0 * winning + 0.5 * losing
        active = objectives.split_loss(winning, losing, 1.0, 0.5, 5.0, 0.4)
        self.assertAlmostEqual(active.item(), (plain + 5 * 0.1).item(), places=6)
        self.assertEqual(objectives.split_loss(winning, losing, 1.0, 0.5, 5.0, 0.25).item(), plain.item())
        self.assertEqual(objectives.sft_loss(winning).item(), 1.0)

    def test_nulling_out_leaves_nothing_along_the_vector(self):
        text = self.examples[0][0]
        v = parameters_of("vector", 5, *self.sizes)["v"]
        kept = text.block_out.clone()
        head = text.text.head_length
        along = text.block_out[head:] @ v
        kept[head:] -= torch.outer(along.clamp(min=0) / v.square().sum(), v)
        by_hand = train_reference.Example.__new__(train_reference.Example)
        by_hand.__dict__ = {**text.__dict__, "block_out": kept}
        nulled = train_reference.log_probs_of(self.model, LAYER, {"v": v}, [text], [None]).item()
        expected = train_reference.log_probs_of(self.model, LAYER, {"v": v}, [by_hand], [0.0]).item()
        self.assertGreater((along > 0).sum().item(), 0)
        self.assertAlmostEqual(nulled, expected, delta=1e-5)
        self.assertGreater(abs(nulled - text.plain), 1e-4)

    def test_reps_and_dpo_have_their_known_values(self):
        def values(*numbers):
            return [torch.tensor([float(number)]) for number in numbers]

        self.assertAlmostEqual(objectives.reps_loss(*values(-40, -60, 20, 20, -50, -48)).item(), 1.313262, places=5)
        self.assertAlmostEqual(objectives.reps_loss(*values(-40, -60, 20, 20, -50, -52)).item(), 0.313262, places=5)
        self.assertAlmostEqual(objectives.dpo_loss(*values(-40, -60, -40, -60)).item(), 0.693147, places=5)

    def test_a_schedule_has_every_pair_with_both_signs_before_any_again(self):
        settings = {**train_reference.DEFAULTS, "steps": 6, "batch": 2}
        schedule = train_reference.draw_schedule(3, settings)
        rows = [(pair, sign) for step in schedule for pair, sign, _, _ in step]
        everything = {(pair, sign) for pair in range(3) for sign in (1, -1)}
        self.assertEqual((set(rows[:6]), set(rows[6:]), len(rows)), (everything, everything, 12))
        for step in schedule:
            for _, sign, *factors in step:
                self.assertTrue(all(abs(factor) in settings["factors"] and factor * sign > 0 for factor in factors))
        self.assertEqual(schedule, train_reference.draw_schedule(3, settings))
        self.assertNotEqual(schedule, train_reference.draw_schedule(3, {**settings, "seed": 43}))

    def test_training_lowers_its_objective(self):
        settings = {"kind": "lora", "objective": "sft", "steps": 30, "batch": 2, "learning_rate": 0.05, "layer": LAYER}
        tensors, log = train_reference.train(self.tokenizer, self.model, PAIRS[:1], settings)
        objective = [step[0] for step in log["steps"]]
        self.assertLess(sum(objective[-5:]), 0.8 * sum(objective[:5]))
        self.assertEqual({name: tuple(t.shape) for name, t in tensors.items()},
                         {"A": (4, self.sizes[1]), "B": (self.sizes[0], 4)})

    def test_the_server_measures_the_same_losses(self):
        os.environ["STEER_TEST_MODEL"] = os.environ["STEER_TINY_MODEL"]
        with tempfile.TemporaryDirectory() as folder, SteerdProcess("--dtype", "f32", "--kv-cache-mib", "16") as server:
            def steerctl(*arguments):
                command = [os.environ["STEERCTL_BINARY"], "--server", server.address, *arguments, "--json"]
                return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

            pairs = f"{folder}/pairs.jsonl"
            datasets.write_pairs(pairs, PAIRS)
            for kind in ("lora", "local_weight", "vector"):
                parameters = parameters_of(kind, 5, *self.sizes)
                train_reference.save_signal(f"{folder}/{kind}.safetensors", kind, LAYER, parameters)
                steerctl("signal", "add", f"{folder}/{kind}.safetensors", "--alias", kind)
                # A vector's own positions are all; the trainer leaves out the template's head.
                rule = ["--exclude-template-head"] if kind == "vector" else []
                scored = steerctl("score", pairs, "--signal", kind, *rule, "--as-spelt", "--pairs",
                                  "--multipliers=" + ",".join(map(str, MULTIPLIERS)))
                for point in scored["points"]:
                    for pair, told in zip(self.examples, point["pairs"]):
                        for example, name in zip(pair, ("positive_loss", "negative_loss")):
                            expected = self.loss(parameters, [example], [point["multiplier"]]).item()
                            where = f"{kind} at {point['multiplier']}"
                            self.assertAlmostEqual(told["mean"][name], expected, delta=2e-4, msg=where)


if __name__ == "__main__":
    unittest.main()
