#!/usr/bin/env python3
"""What was acknowledged survives kill -9, and reached the disk before it was acknowledged. A real steerd, over gRPC."""

import hashlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "calls"))
from live_steerd import Steerd, load_protos, message_class
from signal_files import SITE, floats, native

ROUNDS = int(os.environ.get("STEER_KILL_ROUNDS", "5"))


def vector_file(number):
    return native({f"{SITE}.v": floats(64, value=1 + number)})


def register(steerd, data, alias):
    request = message_class("steer.v1.RegisterSignalRequest")
    header = dict(format="native", size=len(data), sha256=hashlib.sha256(data).hexdigest(), alias=alias)
    return steerd.call("SignalService/RegisterSignal", request(header=header), request(chunk=data))[0].signal.id


class CrashTest(unittest.TestCase):
    def setUp(self):
        load_protos()
        folder = tempfile.TemporaryDirectory(prefix="steer-crash-")
        self.addCleanup(folder.cleanup)
        self.state = pathlib.Path(folder.name, "state")

    def steerd(self):
        return Steerd(os.environ["STEER_TINY_MODEL"], self.state)

    def test_a_signal_acknowledged_before_kill_9_is_there_after_the_restart(self):
        expected = {}
        for round_number in range(ROUNDS):
            with self.steerd() as steerd:
                listed = steerd.call("SignalService/ListSignals", message_class("steer.v1.ListSignalsRequest")(page_size=1000))
                self.assertEqual({s.id: list(s.aliases) for s in listed[0].signals}, {v: [k] for k, v in expected.items()})
                alias = f"round-{round_number}"
                expected[alias] = register(steerd, vector_file(round_number), alias)
                steerd.process.send_signal(signal.SIGKILL)
                steerd.process.wait()
        with self.steerd() as steerd:
            for alias, signal_id in expected.items():
                found = steerd.call("SignalService/GetSignal", message_class("steer.v1.GetSignalRequest")(signal=alias))
                self.assertEqual(found[0].id, signal_id)
                # Its payload is whole: it still steers.
                request = message_class("steer.v1.GenerateRequest")()
                request.prompt.text = b"hello"
                request.sampling.max_tokens = 2
                request.controls.add(signal=alias, multiplier=1)
                answer = steerd.call("GenerationService/Generate", request)
                self.assertEqual(answer[-1].finished.receipt.controls[0].control.signal_id, signal_id)

    def test_a_job_that_was_acknowledged_is_learnt_in_spite_of_kill_9(self):
        request = message_class("steer.v1.StartJobRequest")(alias="learnt", promote=True)
        request.pairs.add(question=b"the question", positive=b"hello", negative=b"an other one")
        request.training.split.SetInParent()
        request.training.kind = "lora"
        request.training.steps = 200
        with self.steerd() as steerd:
            whole = self.finished(steerd, steerd.call("LearningService/StartJob", request)[0].id)
            # One that runs and one that waits when the server is killed.
            jobs = [steerd.call("LearningService/StartJob", request)[0].id for _ in range(2)]
            steerd.process.send_signal(signal.SIGKILL)
            steerd.process.wait()
        with self.steerd() as steerd:
            for job in jobs:
                self.assertEqual(self.finished(steerd, job).signal_id, whole.signal_id)

    def test_a_stop_does_not_wait_for_a_job_that_goes_on_later(self):
        request = message_class("steer.v1.StartJobRequest")()
        request.pairs.add(question=b"the question", positive=b"hello", negative=b"an other one")
        request.training.sft.SetInParent()
        request.training.kind = "vector"
        request.training.steps = 1000000
        with self.steerd() as steerd:
            job = steerd.call("LearningService/StartJob", request)[0].id
            done = self.steps(steerd, job, 20)
            begin = time.monotonic()
            steerd.process.send_signal(signal.SIGTERM)
            self.assertEqual(steerd.process.wait(timeout=60), 0)
            self.assertLess(time.monotonic() - begin, 30)
        with self.steerd() as steerd:
            self.assertGreaterEqual(self.steps(steerd, job, 1), done)
            steerd.call("LearningService/CancelJob", message_class("steer.v1.CancelJobRequest")(id=job))

    def steps(self, steerd, job, least):
        """How many steps the job has done, once those are enough."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            done = steerd.call("LearningService/GetJob", message_class("steer.v1.GetJobRequest")(id=job))[0].done
            if done >= least:
                return done
            time.sleep(0.02)
        self.fail("the job does not get on")

    def finished(self, steerd, job):
        last = steerd.call("LearningService/WatchJob", message_class("steer.v1.WatchJobRequest")(id=job))[-1]
        self.assertEqual(last.state, type(last).SUCCEEDED, last)
        return last

    def test_payload_folder_and_database_are_synced_before_the_answer(self):
        with self.steerd() as steerd:
            trace_path = os.path.join(steerd.folder, "trace")
            with subprocess.Popen(
                ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2,sendmsg", "-o", trace_path,
                 "-p", str(steerd.process.pid)], stderr=subprocess.PIPE, text=True) as tracer:
                self.assertIn("attached", tracer.stderr.readline(), "strace must be allowed to look at steerd")
                time.sleep(0.5)
                before = os.path.getsize(trace_path)
                signal_id = register(steerd, vector_file(99), "traced")
                tracer.send_signal(signal.SIGINT)
                tracer.wait(timeout=20)
            with open(trace_path, encoding="utf-8", errors="replace") as trace:
                trace.seek(before)
                lines = trace.read().splitlines()

        def first(pattern, after=-1):
            for number, line in enumerate(lines):
                if number > after and re.search(pattern, line):
                    return number
            self.fail(f"no {pattern} after line {after} in:\n" + "\n".join(lines[:200]))

        # The answer is the last message that leaves on the client's socket.
        answer = max(number for number, line in enumerate(lines) if "sendmsg(" in line)
        payload = first(rf"f(data)?sync\(\d+<[^>]*{signal_id}")
        renamed = first(rf"rename.*{signal_id}", payload)
        folder = first(r"f(data)?sync\(\d+<[^>]*/payloads>", renamed)
        database = first(r"f(data)?sync\(\d+<[^>]*signals\.db", folder)
        self.assertLess(database, answer)


if __name__ == "__main__":
    unittest.main()
