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
