#!/usr/bin/env python3
"""How steerd serves, apart from what its calls answer: addresses, health, reflection, metrics, draining, exit codes."""

import hashlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import grpc

import live_steerd
from live_steerd import Steerd, message_class
from signal_files import FILES

MODEL = os.environ["STEER_TINY_MODEL"]
SERVICES = ["GenerationService", "SignalService", "AnalysisService", "LearningService", "ModelService", "ProbeService"]


def health(steerd, service=""):
    """grpc.health.v1 by its bytes: 1 is SERVING, 2 NOT_SERVING."""
    check = steerd.channel.unary_unary("/grpc.health.v1.Health/Check")
    name = service.encode()
    return check(b"\x0a" + bytes([len(name)]) + name if name else b"", timeout=10)


def generate(steerd, tokens, timeout=60, text=b"hello", **fields):
    """The running call, an iterator of responses. Nothing ends it before `tokens`."""
    request = message_class("steer.v1.GenerateRequest")(**fields)
    request.prompt.text = text
    request.sampling.max_tokens = tokens
    request.sampling.temperature = 0
    request.sampling.ignore_eos = True
    response = message_class("steer.v1.GenerateResponse")
    stub = steerd.channel.unary_stream(
        "/steer.v1.GenerationService/Generate", lambda message: message.SerializeToString(), response.FromString)
    return stub(request, timeout=timeout)


def register(steerd, file, alias):
    request = message_class("steer.v1.RegisterSignalRequest")
    data = FILES[file]
    header = dict(format="native", size=len(data), sha256=hashlib.sha256(data).hexdigest(), alias=alias)
    return steerd.call("SignalService/RegisterSignal", request(header=header), request(chunk=data))[0].signal


def slow_upload(steerd, finish):
    """An upload whose file follows when `finish` is set. Its header has arrived when this returns."""
    request = message_class("steer.v1.RegisterSignalRequest")
    response = message_class("steer.v1.RegisterSignalResponse")
    data = FILES["vector"]

    def parts():
        yield request(header=dict(format="native", size=len(data), sha256=hashlib.sha256(data).hexdigest()))
        finish.wait(60)
        yield request(chunk=data)

    path = "/steer.v1.SignalService/RegisterSignal"
    stub = steerd.channel.stream_unary(path, lambda message: message.SerializeToString(), response.FromString)
    call = stub.future(parts())
    while samples(steerd).get('steer_rpcs_started_total{method="%s"}' % path[1:], 0) < 1:
        time.sleep(0.01)
    return call


def samples(steerd):
    """The scraped text as {series: value}."""
    with urllib.request.urlopen(f"http://127.0.0.1:{steerd.metrics_port()}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def settled_samples(steerd):
    """samples() once nothing runs any more: some of an engine's numbers come right after the answer they are about."""
    deadline = time.monotonic() + 30
    while True:
        seen = samples(steerd)
        if not any(value for key, value in seen.items() if key.startswith("steer_requests_running")):
            return seen
        assert time.monotonic() < deadline, seen
        time.sleep(0.01)


def start(*flags):
    """Runs steerd to its end; answers exit code and what it wrote to stderr."""
    command = [os.environ["STEERD_BINARY"], *flags]
    result = subprocess.run(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, timeout=60, check=False)
    return result.returncode, result.stderr.decode()


class ServingTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="steer-serving-")
        self.state = pathlib.Path(self.folder.name, "state")
        self.addCleanup(self.folder.cleanup)

    def steerd(self, *flags, **options):
        return Steerd(MODEL, self.state, *flags, **options)

    def test_health_of_the_server_and_of_every_service(self):
        with self.steerd() as steerd:
            self.assertEqual(health(steerd), b"\x08\x01")
            for service in SERVICES:
                self.assertEqual(health(steerd, f"steer.v1.{service}"), b"\x08\x01", service)
            with self.assertRaises(grpc.RpcError) as raised:
                health(steerd, "steer.v1.NoService")
            self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_every_device_has_a_pool_of_its_own(self):
        pools = ("cpu:0", "cpu:1")
        with self.steerd("--devices", ",".join(pools)) as steerd:
            for pool in pools:
                self.assertEqual(health(steerd, f"pool/{pool}"), b"\x08\x01", pool)
                self.assertIn(f"pool {pool}: KV cache of", steerd.log())
            with self.assertRaises(grpc.RpcError) as raised:
                health(steerd, "pool/cpu:2")
            self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)
            register(steerd, "vector", "calm")
            # Different prompts, so that nothing speaks for one pool but how busy the other is.
            calls = [generate(steerd, 300, text=b"hello" * (i + 1), controls=[dict(signal="calm")]) for i in range(6)]
            used = [list(call)[-1].finished.receipt.pool for call in calls]
            self.assertEqual(set(used), set(pools))
            seen = settled_samples(steerd)
            for pool in pools:
                count, label = used.count(pool), f'pool="{pool}"'
                self.assertEqual(seen["steer_pool_healthy{%s}" % label], 1)
                self.assertGreater(seen["steer_kv_cache_bytes{%s}" % label], 0)
                self.assertEqual(seen["steer_generated_tokens_total{%s}" % label], 300 * count)
                self.assertEqual(seen['steer_requests_finished_total{%s,reason="length"}' % label], count)
                self.assertEqual(seen["steer_time_to_first_token_seconds_count{%s}" % label], count)
                self.assertEqual(seen["steer_inter_token_latency_seconds_count{%s}" % label], 299 * count)
                self.assertEqual(seen['steer_steered_tokens_total{%s,signal="calm",stage="generated"}' % label], 300 * count)
            # One copy of the weights and of the signal.
            self.assertGreater(seen['steer_weight_bytes{pool="cpu:0"}'], 0)
            self.assertEqual(seen['steer_weight_bytes{pool="cpu:1"}'], 0)
            self.assertEqual(sum(seen['steer_signals_resident{pool="%s"}' % pool] for pool in pools), 1)

    def test_a_device_of_its_own_for_learning_serves_nothing(self):
        with self.steerd("--learning-device", "cpu:1") as steerd:
            self.assertEqual(health(steerd, "pool/cpu:1"), b"\x08\x01")
            self.assertIn("pool cpu:1: learning only", steerd.log())
            model = steerd.call("ModelService/GetModel", message_class("steer.v1.GetModelRequest")())[0]
            self.assertEqual([(pool.name, pool.learning_only) for pool in model.pools], [("cpu:0", False), ("cpu:1", True)])
            request = message_class("steer.v1.StartJobRequest")()
            request.extraction.difference_of_means.SetInParent()
            request.pairs.add(question=b"q", positive=b"hello", negative=b"an other one")
            job = steerd.call("LearningService/StartJob", request)[0]
            job = steerd.call("LearningService/WatchJob", message_class("steer.v1.WatchJobRequest")(id=job.id))[-1]
            self.assertEqual(job.state, job.SUCCEEDED, job.error)
            calls = [generate(steerd, 20, text=b"hello" * (i + 1)) for i in range(6)]
            self.assertEqual({list(call)[-1].finished.receipt.pool for call in calls}, {"cpu:0"})
            seen = settled_samples(steerd)
            self.assertGreater(seen['steer_background_units_total{pool="cpu:1"}'], 0)
            self.assertEqual(seen['steer_background_units_total{pool="cpu:0"}'], 0)
            self.assertEqual(seen['steer_generated_tokens_total{pool="cpu:1"}'], 0)
        code, said = start("--model", MODEL, "--state-dir", str(self.state), "--learning-device", "cpu:0")
        self.assertEqual(code, 2, said)
        self.assertIn("--learning-device", said)

    def test_a_prefix_is_found_again_unless_that_is_switched_off(self):
        for flags, found in (((), True), (("--prefix-cache", "off"), False)):
            with self.subTest(flags=flags), self.steerd(*flags) as steerd:
                for _ in range(2):
                    last = list(generate(steerd, 2, text=b"hello the user " * 20))[-1]
                reused = last.finished.usage.reused_prompt_tokens
                self.assertEqual(reused > 0, found)
                seen = settled_samples(steerd)
                self.assertEqual(seen['steer_prefix_reused_tokens_total{pool="cpu:0"}'], reused)
                self.assertEqual(seen['steer_kv_blocks_cached{pool="cpu:0"}'] > 0, found)

    def test_a_generation_config_gives_the_defaults(self):
        config = pathlib.Path(self.folder.name, "generation_config.json")
        config.write_text('{"temperature": 0.25, "top_k": 40, "do_sample": true}')
        with self.steerd("--generation-config", str(config)) as steerd:
            model = steerd.call("ModelService/GetModel", message_class("steer.v1.GetModelRequest")())[0]
            request = message_class("steer.v1.GenerateRequest")()
            request.prompt.text = b"hello"
            request.sampling.max_tokens = 1
            used = steerd.call("GenerationService/Generate", request)[0].started.sampling
        for sampling in (model.default_sampling, used):
            self.assertEqual((sampling.temperature, sampling.top_k, sampling.top_p), (0.25, 40, 1))

    def test_more_in_flight_than_allowed_are_told_to_come_back(self):
        with self.steerd("--max-in-flight", "2") as steerd:
            request = message_class("steer.v1.GenerateRequest")(n=3)
            request.prompt.text = b"hello"
            with self.assertRaises(grpc.RpcError) as raised:
                steerd.call("GenerationService/Generate", request)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
            self.assertIn("grpc-retry-pushback-ms", [key for key, _ in raised.exception.trailing_metadata()])
            request.n = 2
            request.sampling.max_tokens = 1
            self.assertTrue(steerd.call("GenerationService/Generate", request)[-1].HasField("finished"))

    def test_reflection_can_be_switched_off(self):
        def services(steerd):
            path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
            return list(steerd.channel.stream_stream(path)(iter([b"\x3a\x00"]), timeout=10))[0]

        with self.steerd() as steerd:
            answer = services(steerd)
            for service in SERVICES:
                self.assertIn(f"steer.v1.{service}".encode(), answer)
        with self.steerd("--reflection", "off") as steerd:
            with self.assertRaises(grpc.RpcError) as raised:
                services(steerd)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_plain_text_beyond_loopback_must_be_asked_for(self):
        code, said = start("--model", MODEL, "--state-dir", str(self.state), "--listen", "0.0.0.0:0")
        self.assertEqual(code, 2)
        self.assertIn("--insecure-listen-anywhere", said)
        with self.steerd("--insecure-listen-anywhere", listen="0.0.0.0:0") as steerd:
            self.assertIn("serving gRPC on 0.0.0.0:0", steerd.log())

    def test_what_keeps_it_from_starting_is_said(self):
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        common = ("--model", MODEL, "--state-dir", str(self.state))
        for flags in (("--listen", address, "--metrics-listen", "off"),
                      ("--listen", "127.0.0.1:0", "--metrics-listen", address)):
            code, said = start(*common, *flags)
            self.assertEqual(code, 1, said)
            self.assertIn(address, said)
        code, said = start("--model", __file__, "--state-dir", str(self.state))
        self.assertEqual(code, 1, said)
        self.assertIn("cannot start", said)
        code, said = start("--model", "/no/such/file")
        self.assertEqual(code, 2, said)
        self.assertIn("/no/such/file", said)

    def test_one_process_per_state_folder(self):
        with self.steerd() as steerd:
            code, said = start("--model", MODEL, "--state-dir", str(self.state), "--listen", f"unix:{steerd.folder}/other")
            self.assertEqual(code, 1, said)
            self.assertIn(str(self.state), said)

    def test_metrics_tell_what_happened(self):
        with self.steerd() as steerd:
            register(steerd, "loud", "loud")  # default multiplier 2
            request = message_class("steer.v1.GenerateRequest")
            list(generate(steerd, 5, controls=[dict(signal="loud")]))
            score = message_class("steer.v1.ScoreRequest")(multipliers=[-1, 0, 1, 2])
            score.pairs.add(question=b"q", positive=b"hello", negative=b"an other one")
            score.controls.add(signal="loud")
            steerd.call("AnalysisService/Score", score)
            with self.assertRaises(grpc.RpcError):
                steerd.call("GenerationService/Generate", request())
            seen = settled_samples(steerd)
            pool = next(key for key in seen if key.startswith("steer_requests_running")).partition("{")[2][:-1]
            self.assertEqual(seen["steer_requests_running{%s}" % pool], 0)
            self.assertEqual(seen["steer_requests_waiting{%s}" % pool], 0)
            self.assertEqual(seen["steer_kv_blocks_used{%s}" % pool], 0)
            self.assertEqual(seen["steer_kv_cache_usage_ratio{%s}" % pool], 0)
            self.assertEqual(seen["steer_generated_tokens_total{%s}" % pool], 5)
            self.assertGreater(seen["steer_prompt_tokens_total{%s}" % pool], 0)
            self.assertEqual(seen["steer_signals_resident{%s}" % pool], 1)
            self.assertGreater(seen["steer_signal_resident_bytes{%s}" % pool], 0)
            self.assertEqual(seen["steer_time_to_first_token_seconds_count{%s}" % pool], 1)
            self.assertEqual(seen["steer_inter_token_latency_seconds_count{%s}" % pool], 4)
            self.assertEqual(seen["steer_queue_seconds_count{%s}" % pool], 1)
            self.assertEqual(seen["steer_request_duration_seconds_count{%s}" % pool], 1)
            self.assertEqual(seen['steer_requests_finished_total{%s,reason="length"}' % pool], 1)
            self.assertEqual(seen['steer_steered_tokens_total{%s,signal="loud",stage="generated"}' % pool], 5)
            generate_method = "steer.v1.GenerationService/Generate"
            self.assertEqual(seen['steer_rpcs_started_total{method="%s"}' % generate_method], 2)
            for code in ("OK", "INVALID_ARGUMENT"):
                key = 'steer_rpc_duration_seconds_count{code="%s",method="%s"}' % (code, generate_method)
                self.assertEqual(seen[key], 1)
            self.assertEqual(len([key for key in seen if key.startswith("steer_build_info{version=")]), 1)
            # Multipliers -2, 0, 2 and 4 of a signal whose default is 2.
            for level in ("-2..-0.5", "0", "0.5..1", "1..2"):
                for mode in ("mean", "sum"):
                    labels = '{level="%s",mode="%s",signal="loud",source="score"}' % (level, mode)
                    self.assertIn("steer_preference_log_odds" + labels, seen)
            self.assertTrue([key for key in seen if key.startswith("steer_utility_log_odds")])
            steerd.call("SignalService/DeleteAlias", message_class("steer.v1.DeleteAliasRequest")(name="loud"))
            self.assertFalse([key for key in samples(steerd) if "loud" in key])

    def test_only_so_many_signals_get_series(self):
        with self.steerd("--metrics-signals", "1") as steerd:
            for file in ("vector", "loud"):
                register(steerd, file, file)
                list(generate(steerd, 2, controls=[dict(signal=file)]))
            labels = {key for key in samples(steerd) if key.startswith("steer_steered_tokens_total") and "generated" in key}
            self.assertEqual(sorted(key.partition('signal="')[2].partition('"')[0] for key in labels), ["other", "vector"])

    def test_idle_it_stops_with_0(self):
        for stop in (signal.SIGTERM, signal.SIGINT):
            with self.steerd() as steerd:
                steerd.process.send_signal(stop)
                self.assertEqual(steerd.process.wait(timeout=30), 0)

    def test_draining_refuses_new_work_and_lets_old_work_end(self):
        with self.steerd() as steerd:
            finish = threading.Event()
            upload = slow_upload(steerd, finish)
            call = generate(steerd, 500)
            next(call)
            steerd.process.send_signal(signal.SIGTERM)
            refused = None
            while refused is None:
                try:
                    list(generate(steerd, 1))
                except grpc.RpcError as error:
                    refused = error
            self.assertEqual(refused.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertIn("draining", refused.details())
            self.assertEqual(health(steerd), b"\x08\x02")
            self.assertEqual(list(call)[-1].WhichOneof("event"), "finished")
            finish.set()
            self.assertTrue(upload.result(timeout=30).signal.id)
            self.assertEqual(steerd.process.wait(timeout=30), 0)

    def test_what_does_not_end_in_time_is_cut_with_3(self):
        for drain, signals in (("1", 1), ("60", 2)):
            with self.steerd("--drain-seconds", drain) as steerd:
                never = threading.Event()
                call = slow_upload(steerd, never)
                for _ in range(signals):
                    steerd.process.send_signal(signal.SIGTERM)
                    time.sleep(0.2)
                self.assertEqual(steerd.process.wait(timeout=20), 3)
                call.cancel()
                never.set()

    def test_a_signal_before_it_serves_ends_it_at_once(self):
        command = self.steerd().command
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        # 143 while it loads; 0 if it was quicker than this test.
        self.assertIn(process.wait(timeout=30), (128 + signal.SIGTERM, -signal.SIGTERM, 0))


if __name__ == "__main__":
    live_steerd.load_protos()
    unittest.main()
