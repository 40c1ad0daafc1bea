"""steerctl and loadgen as a user runs them, against a live steerd: what they print, and their exit codes."""

import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from steerd_process import SteerdProcess

PAIRS = [
    {"question": "How was the film?", "positive": "It was wonderful, I loved it.",
     "negative": "It was terrible, I hated it."},
    {"question": "How is the soup?", "matching": "Delicious and warm.", "not_matching": "Cold and awful."},
    {"question": "What do you think of rain?", "answer_matching_behavior": "It is lovely and fresh.",
     "answer_not_matching_behavior": "It is miserable and wet."},
]


class SteerctlTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.server = SteerdProcess()
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.pairs = cls.file("pairs.jsonl", "".join(json.dumps(pair) + "\n" for pair in PAIRS))
        cls.learned = json.loads(cls.run_ok("learn", cls.pairs, "--alias", "cheerful", "--promote", "--label", "by=test", "--json"))

    @classmethod
    def file(cls, name, content):
        path = os.path.join(cls.folder.name, name)
        with open(path, "wb" if isinstance(content, bytes) else "w") as file:
            file.write(content)
        return path

    @classmethod
    def steerctl(cls, *arguments, text=""):
        return subprocess.run([os.environ["STEERCTL_BINARY"], "--server", cls.server.address, *arguments],
                              input=text, capture_output=True, text=True, timeout=120)

    @classmethod
    def run_ok(cls, *arguments, text=""):
        result = cls.steerctl(*arguments, text=text)
        if result.returncode != 0:
            raise AssertionError(f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout

    def refused(self, code, *arguments, text=""):
        result = self.steerctl(*arguments, text=text)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertEqual(result.stdout, "")
        return result.stderr

    def test_health_and_model(self):
        self.assertEqual(self.run_ok("health"), "SERVING\n")
        self.assertEqual(self.run_ok("health", "steer.v1.GenerationService"), "SERVING\n")
        self.assertIn("NOT_FOUND", self.refused(1, "health", "no.such.Service"))
        model = json.loads(self.run_ok("model", "--json"))
        self.assertGreater(model["layers"], 0)
        text = self.run_ok("model")
        self.assertIn(model["fingerprint"], text)
        self.assertIn("layers.<l>.block_out", text)
        pool, = model["pools"]
        self.assertTrue(pool["healthy"])
        self.assertRegex(text, rf"(?m)^{pool['name']} +healthy +{pool['kv_blocks']}$")
        self.assertIn(f"temperature {model['default_sampling']['temperature']:g}", text)

    def test_tokens_there_and_back(self):
        text = "Grüße, 世界 🙂"
        ids = self.run_ok("tokenize", "--ids", text=text + "\n").split()
        self.assertGreater(len(ids), 3)
        self.assertEqual(self.run_ok("detokenize", *ids), text + "\n")
        self.assertIn("template's head", self.run_ok("tokenize", "--chat", "Hello"))

    def test_generate_reads_standard_input_and_raw_text(self):
        raw = json.loads(self.run_ok("generate", "--raw", "--max-tokens", "4", "--temperature", "0", "--json",
                                     text="The capital of France is\n"))
        self.assertIn("Paris", raw["text"])

    def test_plain_too_uses_the_same_seed_and_names_what_steered(self):
        both = json.loads(self.run_ok("generate", "How was it?", "--signal", "cheerful=1", "--max-tokens", "8",
                                      "--plain-too", "--json"))
        self.assertEqual(both["steered"]["finished"]["receipt"]["seed"], both["plain"]["finished"]["receipt"]["seed"])
        self.assertEqual(both["plain"]["finished"]["receipt"]["controls"], [])
        control, = both["steered"]["finished"]["receipt"]["controls"]
        self.assertEqual(control["control"]["signal_id"], self.learned["signal_id"])
        text = self.run_ok("generate", "How was it?", "--signal", "cheerful=0", "--max-tokens", "8", "--plain-too",
                           "--temperature", "0")
        steered, plain = text.removeprefix("--- cheerful=0 ---\n").split("\n--- plain ---\n")
        self.assertEqual(steered, plain)

    def test_chat_keeps_the_conversation(self):
        out = self.steerctl("chat", "--max-tokens", "12", "--temperature", "0",
                            text="My name is Ada.\n/signal cheerful=1\n/signals\n/signal nobody=1\nHello\n"
                                 "/signal nobody=0\nWhat is my name?\n/quit\nnever sent\n")
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertEqual(out.stdout.count("cheerful=1\n"), 3)
        self.assertIn("NOT_FOUND", out.stderr)

    def test_chat_remembers_until_reset(self):
        options = ("--max-tokens", "12", "--temperature", "0")
        out = self.run_ok("chat", *options, text="Let us talk about fish.\nWhy?\n/reset\nWhy?\n")
        fresh = self.run_ok("generate", "Why?", *options)
        self.assertTrue(out.endswith(fresh), out)
        self.assertNotIn(fresh, out.removesuffix(fresh))

    def test_signal_life(self):
        hidden = json.loads(self.run_ok("model", "--json"))["hidden"]
        header = json.dumps({
            "__metadata__": {"format": "control-signal/1", "kind": "vector"},
            "layers.1.block_out.v": {"dtype": "F32", "shape": [hidden], "data_offsets": [0, 4 * hidden]}}).encode()
        path = self.file("v.safetensors",
                         struct.pack("<Q", len(header)) + header + struct.pack(f"<{hidden}f", *range(hidden)))
        added = json.loads(self.run_ok("signal", "add", path, "--alias", "counting", "--label", "a=b=c",
                                       "--description", "counts", "--json"))
        self.assertFalse(added["existed"])
        self.assertEqual(added["signal"]["labels"], {"a": "b=c"})
        id = added["signal"]["id"]
        self.assertTrue(json.loads(self.run_ok("signal", "add", path, "--json"))["existed"])
        self.assertIn(id, self.run_ok("signal", "list"))
        self.assertIn("counting", self.run_ok("signal", "show", id))
        self.run_ok("signal", "alias", "counting-too", "counting")
        self.assertIn("counting-too", self.run_ok("signal", "aliases"))
        self.assertIn("ABORTED", self.refused(1, "signal", "alias", "counting", "cheerful", "--expected-version", "99"))
        self.assertIn("FAILED_PRECONDITION", self.refused(1, "signal", "rm", "counting"))
        self.run_ok("signal", "unalias", "counting-too")
        self.assertEqual(self.run_ok("signal", "rm", "counting", "--with-aliases"), f"Deleted {id}\n")
        self.assertIn("NOT_FOUND", self.refused(1, "signal", "show", id))

    def test_learn_and_jobs(self):
        self.assertEqual(self.learned["state"], "SUCCEEDED")
        self.assertGreater(self.learned["results"]["norm"], 0)
        shown = json.loads(self.run_ok("signal", "show", "cheerful", "--json"))
        self.assertEqual(shown["id"], self.learned["signal_id"])
        self.assertEqual(shown["labels"]["by"], "test")
        self.assertIn(self.learned["id"], self.run_ok("jobs", "list"))
        self.assertIn("succeeded", self.run_ok("jobs", "show", self.learned["id"]))
        self.assertIn("succeeded", self.run_ok("jobs", "cancel", self.learned["id"]))
        self.assertIn("layer", self.refused(1, "learn", self.pairs, "--layer", "9999"))

    def test_data_sets_and_what_is_learnt_from_them(self):
        csv = self.file("pairs.csv", "question,matching,not_matching,topic\n"
                        + "".join('"{}","{}","{}"'.format(*pair.values()) + f",t{i}\n" for i, pair in enumerate(PAIRS)))
        uploaded = json.loads(self.run_ok("dataset", "upload", csv, "--name", "moods", "--json"))
        self.assertEqual(uploaded["rows"], len(PAIRS))
        self.assertIn("moods", self.run_ok("dataset", "list"))
        self.assertIn(uploaded["id"], self.run_ok("dataset", "show", "moods"))
        self.assertIn("row 1", self.refused(1, "dataset", "upload", csv, "--format", "jsonl"))

        picture = os.path.join(self.folder.name, "layers.svg")
        text = self.run_ok("learn", "--dataset", "moods", "--rows", "0:1", "--held-out-dataset", "moods", "--held-out-where",
                           "topic=t1", "--layers", "4,9", "--alias", "moody", "--max-loss", "9", "--svg", picture)
        self.assertRegex(text, r"(?m)^ +4 ")
        self.assertRegex(text, r"(?m)^alias: +drafts/moody$")
        self.assertEqual(text.count("suggested"), 1)
        with open(picture, encoding="utf-8") as file:
            self.assertIn("layer 9 · layers.9.block_out", file.read())
        self.assertIn("drafts/moody", self.run_ok("signal", "aliases"))
        self.assertIn("moody is", self.run_ok("signal", "promote", "moody"))
        self.assertIn("NOT_FOUND", self.refused(1, "signal", "promote", "moody"))
        learnt = json.loads(self.run_ok("signal", "show", "moody", "--json"))
        self.assertEqual(json.loads(learnt["provenance"])["dataset"], uploaded["id"])

        self.assertIn("--rows requires --dataset", self.refused(2, "learn", self.pairs, "--rows", "0:1"))
        self.assertIn("--dataset", self.refused(2, "learn"))
        self.assertIn("FIRST:COUNT", self.refused(2, "learn", "--dataset", "moods", "--rows", "x"))
        self.assertIn("dataset.first", self.refused(1, "learn", "--dataset", "moods", "--rows", "7"))
        self.assertIn(uploaded["id"], self.run_ok("dataset", "rm", "moods"))
        self.assertIn("NOT_FOUND", self.refused(1, "dataset", "show", "moods"))

    def test_rows_are_completed_by_the_plain_model(self):
        open_rows = self.file("open.jsonl", json.dumps({"input": "Name a colour.", "output": "Blue, like the sea.", "concept_id": 3}) + "\n"
                              + json.dumps(PAIRS[0]) + "\n")
        target = os.path.join(self.folder.name, "completed.jsonl")
        result = self.steerctl("dataset", "complete", open_rows, "--words", "3", "--max-tokens", "8", "--output", target)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("1 rows completed, 0 left out, 1 as they were", result.stderr)
        with open(target, encoding="utf-8") as file:
            completed, whole = map(json.loads, file)
        self.assertEqual(whole, PAIRS[0])
        self.assertEqual((completed["output"], completed["concept_id"]), ("Blue, like the", 3))
        self.assertTrue(0 < len(completed["negative"].split()) <= 3)
        plain = json.loads(self.run_ok("measure", self.file("one.jsonl", json.dumps({"question": "Name a colour."})), "--temperature", "0",
                                       "--max-tokens", "8", "--texts", "--json"))
        self.assertTrue(plain["points"][0]["samples"][0]["text"].startswith(completed["negative"]))
        self.assertIn("line 1", self.refused(2, "dataset", "complete", self.file("none.jsonl", "{}")))

    def test_learning_from_pairs_of_questions(self):
        crossed = self.file("crossed.jsonl", "".join(json.dumps({**PAIRS[0], "negative_question": question}) + "\n"
                                                     for question in ("How was the awful film?", "How bad was it?")))
        job = json.loads(self.run_ok("learn", crossed, "--method", "cdas", "--set", "target_factor=1.5", "--steps", "2", "--json"))
        self.assertEqual(job["learner"], "cdas")
        learnt = json.loads(self.run_ok("signal", "show", job["signal_id"], "--json"))
        self.assertEqual(learnt["kind"], "clamp")
        self.assertIn("negative_question", self.refused(1, "learn", self.pairs, "--method", "cdas", "--steps", "2"))
        self.assertIn("negative_question", self.refused(1, "score", crossed, "--signal", "cheerful"))

    def test_learning_through_an_autoencoder_needs_one(self):
        self.assertIn("autoencoder: got a vector",
                      self.refused(1, "learn", self.pairs, "--method", "feature_selection", "--autoencoder", "cheerful"))
        self.assertIn("NOT_FOUND", self.refused(1, "learn", self.pairs, "--method", "feature_selection", "--autoencoder", "nobody"))
        self.assertIn("activation, frequency", self.refused(2, "learn", self.pairs, "--method", "feature_selection", "--set", "by=x"))
        self.assertIn("--autoencoder", self.refused(2, "learn", self.pairs, "--autoencoder", "cheerful"))

    def test_recipes(self):
        recipe = self.file("recipe.yaml", "training:\n  split: {gamma: 6}\n  kind: vector\n  steps: 2\n  reference_norm: 100\n")
        job = json.loads(self.run_ok("learn", self.pairs, "--recipe", recipe, "--json"))
        self.assertEqual((job["learner"], job["total"]), ("split", 2))
        self.assertAlmostEqual(job["results"]["factor_scale"], job["results"]["mean_activation_norm"] / 100, 3)
        self.assertEqual(json.loads(job["settings"])["training"]["split"]["gamma"], 6)
        self.assertIn("kinds", self.refused(2, "learn", self.pairs, "--recipe", self.file("bad.yaml", "training: {kinds: x}\n")))
        self.assertIn("excludes", self.refused(2, "learn", self.pairs, "--recipe", recipe, "--kind", "lora"))

    def test_learning_by_other_methods(self):
        probe = json.loads(self.run_ok("learn", self.pairs, "--method", "linear_probe", "--set", "l2=0.1", "--layer", "9",
                                       "--normalise", "activation_norm", "--json"))
        self.assertEqual(probe["learner"], "linear_probe")
        self.assertAlmostEqual(probe["results"]["norm"], probe["results"]["mean_activation_norm"], 2)
        component = self.run_ok("learn", self.pairs, "--method", "principal_component", "--reading", "answer_last")
        self.assertIn("explained_share", component)
        self.assertIn("option", self.refused(1, "learn", self.pairs, "--reading", "answer_letter"))
        self.assertIn("split", self.refused(2, "learn", self.pairs, "--method", "split", "--reading", "answer_last"))
        self.assertIn("l2", self.refused(2, "learn", self.pairs, "--method", "linear_probe", "--set", "gamma=1"))

    def test_interrupted_learning_cancels_the_job(self):
        many = self.file("many.jsonl", (json.dumps(PAIRS[0]) + "\n") * 3000)
        process = subprocess.Popen([os.environ["STEERCTL_BINARY"], "--server", self.server.address, "learn", many],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stderr.readline()  # the job is known
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, out + err)
        self.assertIn("interrupted", err)
        self.assertIn("cancelled", out)

    def test_score_table_and_json(self):
        arguments = ("score", self.pairs, "--signal", "cheerful=1", "--multipliers=-2,0,2")
        lines = self.run_ok(*arguments).splitlines()
        self.assertEqual([line.split()[0] for line in lines[:4]], ["multiplier", "-2", "0", "2"])
        self.assertIn("slope", lines[4])
        result = json.loads(self.run_ok(*arguments, "--json"))
        self.assertEqual([point["multiplier"] for point in result["points"]], [-2, 0, 2])
        for point, line in zip(result["points"], lines[1:4]):
            self.assertEqual(point["pairs"], [])
            self.assertEqual(line.split()[1], f"{point['mean']['preference']:+.4f}")
        # Steering towards cheerful answers makes them likelier.
        preferences = [point["mean"]["preference"] for point in result["points"]]
        self.assertLess(preferences[0], preferences[1])
        self.assertLess(preferences[1], preferences[2])
        self.assertGreater(result["summary"]["slope"]["interval_high"], result["summary"]["slope"]["interval_low"])
        per_pair = json.loads(self.run_ok(*arguments, "--json", "--pairs"))
        self.assertEqual(len(per_pair["points"][0]["pairs"]), len(PAIRS))
        self.assertNotEqual(self.run_ok(*arguments, "--sum").splitlines()[1], lines[1])

    def test_manifold_table_json_and_csv(self):
        arguments = ("manifold", self.pairs, "--signal", "cheerful", "--multipliers=-4,0,4", "--components", "8")
        lines = self.run_ok(*arguments).splitlines()
        self.assertEqual([line.split()[0] for line in lines[:4]], ["multiplier", "-4", "0", "4"])
        self.assertIn("8 of ", lines[4])
        result = json.loads(self.run_ok(*arguments, "--json"))
        low, zero, high = result["points"]
        self.assertEqual((zero["norm_ratio"]["mean"], zero["distance_ratio"]), (1, 1))
        self.assertNotIn("change_inside", zero)
        # A vector changes every token by as much, and takes it away from where the plain model's lie.
        self.assertAlmostEqual(low["change"], high["change"], delta=0.02 * high["change"])
        self.assertGreater(min(low["distance_ratio"], high["distance_ratio"]), 1)
        self.assertEqual(result["summary"]["site"], "layers.15.block_out")
        csv = self.run_ok(*arguments, "--csv").splitlines()
        self.assertEqual(len(csv), 4)
        self.assertEqual(csv[2].split(",")[:2], ["0", "1"])
        self.assertIn("components", self.refused(1, *arguments[:-1], "5000"))

    def test_measure_tells_what_texts_choose(self):
        yes_no = self.file("yes_no.jsonl", "".join(
            json.dumps({"question": f"Is {what} a colour? Say Yes or No.", "matching": " Yes", "not_matching": " No"}) + "\n"
            for what in ("red", "blue")))
        arguments = ("measure", yes_no, "--choices", "--max-tokens", "4", "--temperature", "0")
        heading, row = self.run_ok(*arguments).splitlines()
        self.assertIn("accuracy", heading)
        point, = json.loads(self.run_ok(*arguments, "--texts", "--json"))["points"]
        counts = point["choices"]
        self.assertEqual(counts["matching"] + counts["not_matching"] + counts["neither"], 2)
        self.assertEqual(row.split()[-1], f"{counts['matching']}/{counts['not_matching']}/{counts['neither']}")
        for sample in point["samples"]:
            if sample["text"].strip().startswith("Yes"):
                self.assertEqual(sample["chosen"], "CHOSE_MATCHING")
        csv = self.run_ok(*arguments, "--csv").splitlines()
        self.assertEqual(csv[0].split(",")[-4:], ["matching", "not_matching", "neither", "accuracy"])
        self.assertEqual(csv[1].split(",")[-4], str(counts["matching"]))

    def test_maps_and_the_budgets_they_serve(self):
        self.run_ok("learn", self.pairs, "--alias", "cheerful-5", "--promote", "--layer", "5")
        sweep = ("sweep", self.pairs, "--multipliers=-1,0,1")
        picture = os.path.join(self.folder.name, "map.svg")
        family = json.loads(self.run_ok(*sweep, "--signal", "cheerful", "--signal", "cheerful-5", "--json", "--svg", picture))
        self.assertEqual([curve["signal"] for curve in family["curves"]], ["cheerful", "cheerful-5"])
        self.assertEqual(family["curves"][1]["sites"], "layers.5.block_out")
        with open(picture, encoding="utf-8") as file:
            self.assertIn("cheerful-5 · layers.5.block_out", file.read())
        self.assertEqual(len(self.run_ok(*sweep, "--signal", "cheerful", "--signal", "cheerful-5", "--csv").splitlines()), 7)

        two = ("--signal", "cheerful", "--with", "cheerful-5", "--with-multipliers=0,1")
        text = self.run_ok(*sweep, *two)
        self.assertRegex(text, r"(?m)^multiplier of cheerful-5 +-1 +0 +1$")
        together = text.split()[-1]
        self.assertIn("second", self.run_ok("curves", "show", together))
        self.assertRegex(self.run_ok("curves", "list"), rf"(?m)^[0-9a-f]{{12}} \+ [0-9a-f]{{12}} .*{together}$")
        self.assertIn("FAILED_PRECONDITION", self.refused(1, "fit", together))
        self.assertIn("FAILED_PRECONDITION", self.refused(1, "recommend", together, "--max-loss", "1"))
        self.assertIn("second.multipliers.values", self.refused(
            1, *sweep, "--signal", "cheerful", "--with", "cheerful-5", "--with-multipliers=1,2"))

        def receipt(*arguments):
            answer = self.run_ok("generate", "How was it?", "--max-tokens", "4", "--json", *arguments)
            return json.loads(answer)["finished"]["receipt"]

        alone = receipt("--signal", "cheerful", "--budget", "5")
        share, = alone["budget"]["shares"]
        self.assertEqual(share["curve_id"], family["curves"][0]["curve"]["id"])
        self.assertEqual(share["multiplier"], alone["controls"][0]["control"]["multiplier"])
        self.assertLessEqual(alone["budget"]["utility_loss"], 5)
        pair = ("--signal", "cheerful", "--signal", "cheerful-5", "--budget", "5")
        self.assertEqual({share["curve_id"] for share in receipt(*pair)["budget"]["shares"]}, {together})
        apart = [argument for curve in family["curves"] for argument in ("--curve", curve["curve"]["id"])]
        self.assertTrue(receipt(*pair, *apart)["budget"]["assumed_additive"])
        self.assertIn("FAILED_PRECONDITION", self.refused(1, "generate", "hi", "--signal", "cheerful", "--budget=-1000"))

    def test_probes(self):
        self.assertEqual(self.run_ok("probes", "set", "cheerful", self.pairs), "cheerful is watched with 3 pairs from now on\n")
        self.assertRegex(self.run_ok("probes", "list"), r"(?m)^cheerful +3 ")
        self.assertIn("NOT_FOUND", self.refused(1, "probes", "set", "nobody", self.pairs))
        self.assertEqual(json.loads(self.run_ok("probes", "show", "cheerful", "--json")), [])
        self.run_ok("probes", "delete", "cheerful")
        self.assertIn("NOT_FOUND", self.refused(1, "probes", "show", "cheerful"))

    def test_what_the_server_refuses(self):
        error = self.refused(1, "generate", "hi", "--signal", "nobody=1")
        self.assertIn("NOT_FOUND", error)
        self.assertIn("nobody", error)
        self.assertIn("controls[0]", error)
        self.assertIn("temperature", self.refused(1, "generate", "hi", "--temperature", "-1"))
        self.assertIn("multiplier", self.refused(1, "generate", "hi", "--signal", "cheerful=1e7"))
        self.assertIn("DEADLINE_EXCEEDED", self.steerctl("generate", "Tell a long story.", "--max-tokens", "4000",
                                                         "--timeout", "0.5").stderr)
        broken = self.file("broken.safetensors", b"no such header")
        self.assertIn("INVALID_ARGUMENT", self.refused(1, "signal", "add", broken))

    def test_wrong_usage(self):
        for arguments in (
            [], ["nonsense"], ["generate", "hi", "--signal", "a=x"], ["generate", "hi", "--raw", "--system", "x"],
            ["generate"], ["signal"], ["score", "/no/such/file"], ["score", self.pairs, "--pairs"],
            ["model", "--server", "nowhere"], ["signal", "add", "/no/such/file"], ["model", "--wait", "-1"],
            ["generate", "hi", "--logit-bias", "x=1"],
            ["generate", "hi", "--top-log-probs", "1"], ["generate", "hi", "--n", "2", "--resume", "1"],
            ["generate", "hi", "--truncate", "middle"], ["steer", "1"], ["steer", "1", "a"], ["steer", "x", "a=1"],
            ["generate", "hi", "--signal", "a=1", "--budget", "1"], ["probes", "set", "a"],
            ["sweep", self.pairs, "--signal", "a", "--multipliers=0,1", "--with", "b"],
            ["learn", self.file("bad.jsonl", '{"question": "q", "positive": "p"}\n')], ["chat", "--json"],
        ):
            with self.subTest(arguments=arguments):
                self.assertTrue(self.refused(2, *arguments).startswith("steerctl: "))

    def test_every_command_explains_itself(self):
        for command in ("health", "model", "tokenize", "detokenize", "generate", "steer", "chat", "learn", "score", "sweep",
                        "measure", "manifold", "fit", "recommend", "curves list", "curves show", "curves delete",
                        "probes set", "probes list", "probes show", "probes delete",
                        "signal add", "signal list", "signal show", "signal rm", "signal alias", "signal unalias", "signal promote", "dataset upload", "dataset list", "dataset show",
                        "dataset rm", "jobs watch",
                        "jobs list", "jobs show", "jobs cancel"):
            with self.subTest(command=command):
                self.assertIn(f"Example: steerctl {command}", self.run_ok(*command.split(), "--help"))

    def loadgen(self, *arguments):
        result = subprocess.run(
            [os.environ["LOADGEN_BINARY"], "--server", self.server.address, *arguments, "--json"],
            capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr + result.stdout)
        report = json.loads(result.stdout)
        self.assertEqual(report["errors"], {})
        return report

    def test_loadgen(self):
        report = self.loadgen("--streams", "3", "--requests", "6", "--prompt-tokens", "20", "--max-tokens", "5",
                              "--ignore-eos", "--steered", "0.67", "--signals", "2", "--background")
        self.assertEqual(report["finished"], 6)
        self.assertEqual(report["tokens"], 30)
        self.assertEqual(report["prompt_tokens"], 120)
        self.assertEqual(report["first_token_seconds"]["samples"], 6)
        self.assertEqual(report["between_tokens_seconds"]["samples"], 24)
        self.assertGreater(report["tokens_per_second"], 0)
        self.assertGreaterEqual(report["background"]["pairs"], report["background"]["scores"])
        self.assertNotIn("loadgen", self.run_ok("signal", "list", "--json"))

    def test_loadgen_tells_what_the_prefix_cache_had(self):
        # One stream: every request but the first finds the prefix of the one before it.
        report = self.loadgen("--streams", "1", "--requests", "4", "--prompt-tokens", "40", "--shared-prefix", "32",
                              "--max-tokens", "1", "--ignore-eos", "--seed", "5")
        self.assertGreaterEqual(report["reused_prompt_tokens"], 3 * 32)
        self.assertLessEqual(report["reused_prompt_tokens"], 4 * 32)

    def test_loadgen_cancels(self):
        report = self.loadgen("--streams", "2", "--requests", "4", "--prompt-tokens", "8", "--max-tokens", "4",
                              "--cancel", "1")
        self.assertEqual((report["cancelled"], report["finished"], report["cut_short"]), (4, 0, 0))

    def test_loadgen_refuses_a_prefix_longer_than_the_prompt(self):
        result = subprocess.run([os.environ["LOADGEN_BINARY"], "--prompt-tokens", "8", "--shared-prefix", "8"],
                                capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 2, result.stdout)
        self.assertIn("--shared-prefix", result.stderr)


class KnobsTest(unittest.TestCase):
    """What bears on single tokens: in f32, where a row does not depend on its neighbours."""

    @classmethod
    def setUpClass(cls):
        cls.server = SteerdProcess("--dtype", "f32")
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as pairs:
            pairs.write(json.dumps(PAIRS[0]) + "\n")
            pairs.flush()
            cls.run_ok("learn", pairs.name, "--alias", "cheerful", "--promote")
        cls.end, = cls.run_ok("tokenize", "--ids", "<|im_end|>").split()

    @classmethod
    def command(cls, *arguments):
        return [os.environ["STEERCTL_BINARY"], "--server", cls.server.address, *arguments]

    @classmethod
    def run_ok(cls, *arguments):
        result = subprocess.run(cls.command(*arguments), capture_output=True, text=True, timeout=240)
        if result.returncode != 0:
            raise AssertionError(f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout

    def generate(self, *arguments):
        return json.loads(self.run_ok("generate", *arguments, "--json"))

    def test_the_same_text_for_the_same_seed(self):
        arguments = ("Say something.", "--max-tokens", "16", "--seed", "7")
        first = self.run_ok("generate", *arguments)
        self.assertGreater(len(first.strip()), 0)
        # This time most of the prompt comes out of the prefix cache.
        result = self.generate(*arguments)
        self.assertGreater(result["finished"]["usage"]["reused_prompt_tokens"], 0)
        self.assertEqual(result["text"] + "\n", first)
        self.assertEqual(result["finished"]["receipt"]["seed"], 7)
        self.assertIn(result["finished"]["finish_reason"], ("stop", "end_of_text", "length"))

    def test_several_completions(self):
        arguments = ("Name a colour.", "--seed", "5", "--temperature", "2", "--max-tokens", "6", "--ignore-eos")
        several = self.generate(*arguments, "--n", "3")
        self.assertEqual(several["started"]["n"], 3)
        texts = [completion["text"] for completion in several["completions"]]
        self.assertEqual([completion["finished"]["completion"] for completion in several["completions"]], [0, 1, 2])
        self.assertEqual(len(set(texts)), 3)
        self.assertEqual(self.generate(*arguments)["text"], texts[0])
        shown = "\n".join(f"--- completion {i} ---\n{text}\n" for i, text in enumerate(texts))
        self.assertEqual(self.run_ok("generate", *arguments, "--n", "3"), shown)

    def test_every_knob_arrives(self):
        sampling = self.generate(
            "Hi", "--max-tokens", "2", "--min-tokens", "1", "--temperature", "0.5", "--top-k", "9", "--top-p", "0.75", "--min-p",
            "0.125", "--repetition-penalty", "1.5", "--presence-penalty", "0.25", "--frequency-penalty=-0.5", "--logit-bias", "7=-3",
            "--stop", "x", "--stop-token", "8", "--ignore-eos", "--seed", "4", "--top-log-probs", "1",
            "--prompt-log-probs", "2")["started"]["sampling"]
        self.assertEqual(sampling, {
            "max_tokens": 2, "min_tokens": 1, "temperature": 0.5, "top_k": 9, "top_p": 0.75, "min_p": 0.125,
            "repetition_penalty": 1.5, "presence_penalty": 0.25, "frequency_penalty": -0.5, "logit_bias": {"7": -3},
            "stop": ["x"], "stop_token_ids": [8], "ignore_eos": True, "seed": 4, "log_probs": True, "top_log_probs": 1,
            "prompt_log_probs": 2})

    def test_what_ends_an_answer(self):
        likely = ("The sky is", "--raw", "--temperature", "0", "--max-tokens", "3", "--logit-bias", f"{self.end}=100")
        self.assertEqual(self.generate(*likely)["finished"]["finish_reason"], "end_of_text")
        ignored = self.generate(*likely, "--ignore-eos")
        self.assertEqual(ignored["finished"]["finish_reason"], "length")
        self.assertEqual(ignored["ids"], [int(self.end)] * 3)
        blue, = self.run_ok("tokenize", "--ids", " blue").split()
        forced = ("The sky is", "--raw", "--temperature", "0", "--max-tokens", "3", "--logit-bias", f"{blue}=100")
        self.assertEqual(self.generate(*forced)["text"], " blue blue blue")
        self.assertEqual(self.generate(*forced, "--stop-token", blue)["finished"]["finish_reason"], "stop")

    def test_log_probabilities_and_echo(self):
        arguments = ("The sky is", "--raw", "--temperature", "0", "--max-tokens", "3", "--ignore-eos", "--echo")
        result = self.generate(*arguments, "--top-log-probs", "2", "--prompt-log-probs", "1")
        self.assertEqual(result["prompt"]["text"], "The sky is")
        self.assertEqual(len(result["prompt"]["ids"]), result["finished"]["usage"]["prompt_tokens"])
        self.assertEqual(len(result["prompt"]["log_probs"]), len(result["prompt"]["ids"]) - 1)
        for top, log_prob in zip(result["prompt"]["top_log_probs"], result["prompt"]["log_probs"], strict=True):
            self.assertEqual(len(top["tokens"]), 1)
            self.assertGreaterEqual(top["tokens"][0]["log_prob"], log_prob)
        # Greedy takes the likeliest.
        for id, log_prob, top in zip(result["ids"], result["log_probs"], result["top_log_probs"], strict=True):
            self.assertEqual(top["tokens"][0], {"id": id, "log_prob": log_prob})
            self.assertLessEqual(top["tokens"][1]["log_prob"], log_prob)
        self.assertEqual(self.run_ok("generate", *arguments), f"The sky is{result['text']}\n")

    def test_truncation(self):
        limit = json.loads(self.run_ok("model", "--json"))["context_limit"]
        prompt = "one two three four five six seven"
        ids = [int(id) for id in self.run_ok("tokenize", "--ids", prompt).split()]
        # Room for two tokens of the prompt; the answer ends at once.
        arguments = (prompt, "--raw", "--echo", "--max-tokens", str(limit - 2), "--logit-bias", f"{self.end}=100",
                     "--temperature", "0")
        for which, kept in (("first", ids[-2:]), ("last", ids[:2])):
            result = self.generate(*arguments, "--truncate", which)
            self.assertEqual(result["prompt"]["ids"], kept)
            self.assertEqual(result["started"]["truncated_tokens"], len(ids) - 2)
        refused = subprocess.run(self.command("generate", *arguments), capture_output=True, text=True, timeout=60)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("INVALID_ARGUMENT", refused.stderr)

    def test_steering_a_running_answer(self):
        arguments = ("generate", "Tell me about the sea.", "--signal", "cheerful=0.5", "--temperature", "0", "--max-tokens", "120",
                     "--ignore-eos", "--verbose")
        with subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            id = process.stderr.readline().removeprefix("request ").strip()
            self.assertRegex(self.run_ok("steer", id, "cheerful=-1"), r"^cheerful=-1 from token \d+ on\n$")
            text, note = process.communicate(timeout=240)
        self.assertEqual(process.returncode, 0, note)
        self.assertRegex(note, r"cheerful \([0-9a-f]+\) x 0\.5, x -1 from (token|prompt position) \d+ on, at layers\.")
        over = subprocess.run(self.command("steer", id, "cheerful=0"), capture_output=True, text=True, timeout=60)
        self.assertEqual(over.returncode, 1, over.stdout)
        self.assertIn("NOT_FOUND", over.stderr)

    def test_an_answer_survives_the_server(self):
        arguments = ("generate", "Tell me about the sea.", "--signal", "cheerful=0.5", "--seed", "3", "--max-tokens", "60",
                     "--ignore-eos", "--wait", "120", "--resume", "1")
        whole = self.run_ok(*arguments)
        with subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            begun = os.read(process.stdout.fileno(), 100)  # past Python's buffer, which communicate() does not see
            self.server.kill()
            self.server.__enter__()
            rest, error = process.communicate(timeout=240)
        self.assertEqual(process.returncode, 0, error)
        self.assertEqual((begun + rest).decode(), whole)


if __name__ == "__main__":
    unittest.main()
