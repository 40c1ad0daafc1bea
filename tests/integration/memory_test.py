#!/usr/bin/env python3
"""Memory at rest: at most the bf16 weights, the KV pool and 300 MiB. A real steerd on the default model with its defaults."""

import os
import pathlib
import re
import sys
import unittest

import grpc

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "calls")]
from live_steerd import call, load_protos, message_class
from steerd_process import SteerdProcess

ALLOWANCE_MIB = 300
KV_MIB = 256


class MemoryTest(unittest.TestCase):
    def test_at_rest_before_and_after_work(self):
        load_protos()
        with SteerdProcess("--dtype", "bf16", "--kv-cache-mib", str(KV_MIB)) as steerd:
            channel = grpc.insecure_channel(steerd.address)
            model = call(channel, "ModelService/GetModel", [message_class("steer.v1.GetModelRequest")()])[0]
            limit = 2 * model.parameters / 2**20 + KV_MIB + ALLOWANCE_MIB
            fresh = self.resident(steerd)
            request = message_class("steer.v1.GenerateRequest")()
            request.prompt.text = b"Once upon a time " * 100
            request.sampling.max_tokens = 16
            for _ in range(3):
                call(channel, "GenerationService/Generate", [request])
            used = self.resident(steerd)
        print(f"resident MiB: {fresh:.0f} fresh, {used:.0f} after work, {limit:.0f} allowed")
        self.assertLess(fresh, limit)
        self.assertLess(used, limit)

    @staticmethod
    def resident(steerd):
        status = pathlib.Path(f"/proc/{steerd.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) / 1024


if __name__ == "__main__":
    unittest.main()
