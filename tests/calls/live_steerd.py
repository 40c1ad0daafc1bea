"""A live steerd on the tiny model, and stubs made from the protos, for tests that know nothing but the contract."""

import importlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_tools import protoc

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def load_protos():
    """Compiles proto/ into a temporary folder and loads it; from then on the default pool knows every message."""
    out = tempfile.mkdtemp(prefix="steer-protos-")
    root = REPOSITORY / "proto"
    files = sorted(str(path) for path in root.glob("steer/v1/*.proto"))
    if protoc.main(["protoc", f"-I{root}", f"--python_out={out}", *files]) != 0:
        raise RuntimeError("the protos do not compile")
    sys.path.insert(0, out)
    for path in files:
        importlib.import_module(f"steer.v1.{pathlib.Path(path).stem}_pb2")


def message_class(name):
    return message_factory.GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(name))


def method_descriptor(path):
    """`path` is "GenerationService/Generate"."""
    service, method = path.split("/")
    return descriptor_pool.Default().FindServiceByName(f"steer.v1.{service}").methods_by_name[method]


def call(channel, path, requests, timeout=60):
    """Calls any method with a list of requests; answers the list of responses. Raises grpc.RpcError."""
    method = method_descriptor(path)
    kind = ("stream" if method.client_streaming else "unary") + "_" + ("stream" if method.server_streaming else "unary")
    stub = getattr(channel, kind)(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
    answer = stub(iter(requests) if method.client_streaming else requests[0], timeout=timeout)
    return list(answer) if method.server_streaming else [answer]


def error_detail(error):
    """The ErrorDetail of an RpcError; empty if it has none."""
    detail = message_class("steer.v1.ErrorDetail")()
    for key, value in error.trailing_metadata() or ():
        if key == "steer-error-bin":
            detail.ParseFromString(value)
    return detail


class Steerd:
    """Starts when entered, stops when left. Takes the program from STEERD_BINARY."""

    def __init__(self, model, state, *flags, listen=None):
        self.folder = tempfile.mkdtemp(prefix="steerd-calls-")
        self.address = listen or f"unix:{self.folder}/socket"
        self.command = [
            os.environ["STEERD_BINARY"], "--model", str(model), "--state-dir", str(state), "--dtype", "f32",
            "--kv-cache-mib", "16", "--threads", "1", "--listen", self.address, "--metrics-listen", "127.0.0.1:0", *flags,
        ]

    def __enter__(self):
        self.log_path = pathlib.Path(self.folder, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(self.command, stderr=log)
        deadline = time.monotonic() + 120
        while "serving gRPC" not in self.log():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"steerd did not come up:\n{self.log()}")
            time.sleep(0.02)
        self.channel = grpc.insecure_channel(self.address)
        return self

    def __exit__(self, *exception):
        self.channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise

    def log(self):
        return self.log_path.read_text(errors="replace")

    def metrics_port(self):
        return int(re.search(r"metrics on \S+ \(port (\d+)\)", self.log()).group(1))

    def call(self, path, *requests, **options):
        return call(self.channel, path, list(requests), **options)
