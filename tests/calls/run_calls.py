#!/usr/bin/env python3
"""Runs every case below cases/ against a live steerd on the tiny model.

A case is a file <Service>.<Method>.<name>.case. Lines that begin with # say what it shows, then comes what to expect:

  expect: INVALID_ARGUMENT      status code
  field: controls[0].signal     ErrorDetail.field of the trailer steer-error-bin (not with OK)
  message: nobody               a part of the status message; may be repeated
  --- request                   textproto; repeated for a client stream
  --- answer                    textproto; some message of the answer contains it (with OK)

In textproto, ${NAME} stands for a value of variables() below; ${SIZE:f}, ${SHA256:f} and ${FILE:f} for the file f of
signal_files.py. Signals there are: calm, loud (default multiplier 2), clamp and askew (of
directions that are not orthogonal), kv, other_weights (made for other weights), foreign (learnt on a model of another shape, in the
same state folder).

usage: run_calls.py [PART OF A CASE'S NAME]
"""

import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import message_factory, text_format

import live_steerd
from live_steerd import REPOSITORY, Steerd, message_class
from signal_files import FILES

CASES = pathlib.Path(__file__).resolve().parent / "cases"


def escaped(data):
    return "".join(f"\\{byte:03o}" for byte in data)


def upload(name, alias=""):
    """The messages that register the file `name`."""
    request = message_class("steer.v1.RegisterSignalRequest")
    data = FILES[name]
    header = request(header=dict(format="native", size=len(data), sha256=hashlib.sha256(data).hexdigest(), alias=alias))
    return [header, request(chunk=data)]


def learn_on_another_model(folder, state):
    """Leaves the alias "foreign" in the state folder, learnt by a steerd on a model of another shape."""
    model = pathlib.Path(folder, "foreign.gguf")
    script = REPOSITORY / "tests/support/make_tiny_model.py"
    subprocess.run([sys.executable, script, model, "--hidden", "32", "--seed", "1"], check=True)
    job = message_class("steer.v1.StartJobRequest")(alias="foreign", promote=True)
    job.pairs.add(question=b"the question", positive=b"hello", negative=b"an other one")
    job.extraction.difference_of_means.SetInParent()
    job.extraction.layer = 1
    with Steerd(model, state) as steerd:
        started = steerd.call("LearningService/StartJob", job)[0]
        watch = message_class("steer.v1.WatchJobRequest")(id=started.id)
        last = steerd.call("LearningService/WatchJob", watch)[-1]
        assert last.state == type(last).SUCCEEDED, last


def variables(steerd):
    get = message_class("steer.v1.GetSignalRequest")
    signal = {name: steerd.call("SignalService/GetSignal", get(signal=name))[0].id for name in ("calm", "loud", "foreign")}
    tokenize = message_class("steer.v1.TokenizeRequest")()
    tokenize.prompt.text = b"hello"
    version = subprocess.run([os.environ["STEERD_BINARY"], "--version"], check=True, capture_output=True, text=True).stdout
    return {
        "HELLO": str(steerd.call("ModelService/Tokenize", tokenize)[0].ids[0]),
        "VERSION": version.split()[-1],
        "CALM": signal["calm"],
        "LOUD": signal["loud"],
        "FOREIGN": signal["foreign"],
        "FINGERPRINT": steerd.call("ModelService/GetModel", message_class("steer.v1.GetModelRequest")())[0].fingerprint,
        "LONG_TEXT": "x" * 2000,
        "NO_ID": "0" * 64,
        "65_CONTROLS": 'controls { signal: "calm" } ' * 65,
        "17_STOPS": 'stop: "s" ' * 17,
        "LONG_STOP": "s" * 257,
        "1025_CHANGES": "".join(f"changes {{ position: {i + 1} }} " for i in range(1025)),
        "1025_BIASES": "".join(f"logit_bias {{ key: {i} value: 0 }} " for i in range(1025)),
        "65_STOP_TOKENS": "stop_token_ids: 1 " * 65,
        "600_TOKENS": "ids: 5 " * 600,
        "1001_MULTIPLIERS": "multipliers: 1 " * 1001,
        "10001_PAIRS": 'pairs { positive: "p" negative: "n" } ' * 10001,
    }


class Case:
    """One file of cases/, parsed."""

    def __init__(self, path, values):
        self.name = path.name.removesuffix(".case")
        service, method, _ = self.name.split(".", 2)
        self.path = f"{service}/{method}"
        head, *sections = re.split(r"^--- (request|answer)\n", path.read_text(), flags=re.M)
        self.code, self.field, self.parts = None, None, []
        for line in head.splitlines():
            key, _, value = line.partition(": ")
            if not line or line.startswith("#"):
                continue
            if key == "expect":
                self.code = value
            elif key == "field":
                self.field = value
            elif key == "message":
                self.parts.append(value)
            else:
                raise ValueError(f"{self.name}: what is '{line}'?")
        if self.code not in grpc.StatusCode.__members__:
            raise ValueError(f"{self.name}: no status code '{self.code}'")
        method = live_steerd.method_descriptor(self.path)
        self.requests, self.answers = [], []
        for kind, text in zip(sections[::2], sections[1::2]):
            wanted, into = (method.input_type, self.requests) if kind == "request" else (method.output_type, self.answers)
            into.append(text_format.Parse(expand(text, values), message_factory.GetMessageClass(wanted)()))

    def problem(self, steerd):
        """None, or what is wrong."""
        try:
            answer = steerd.call(self.path, *self.requests)
        except grpc.RpcError as error:
            return self.problem_of_error(error)
        if self.code != "OK":
            return f"OK instead of {self.code}"
        for wanted in self.answers:
            if not any(contains(message, wanted) for message in answer):
                return f"no message contains\n{wanted}\nin\n" + "\n".join(str(message) for message in answer)[:2000]
        return None

    def problem_of_error(self, error):
        if error.code().name != self.code:
            return f"{error.code().name} instead of {self.code}: {error.details()}"
        detail = live_steerd.error_detail(error)
        if self.field is not None and detail.field != self.field:
            return f"field '{detail.field}' instead of '{self.field}': {error.details()}"
        missing = [part for part in self.parts if part not in error.details()]
        return f"no '{missing[0]}' in: {error.details()}" if missing else None


def expand(text, values):
    def value(match):
        name = match.group(1)
        kind, _, file = name.partition(":")
        if kind == "FILE":
            return escaped(FILES[file])
        if kind == "SIZE":
            return str(len(FILES[file]))
        if kind == "SHA256":
            return hashlib.sha256(FILES[file]).hexdigest()
        return values[name]

    return re.sub(r"\$\{([^}]+)\}", value, text)


def contains(message, wanted):
    """Every field that is set in `wanted` is the same in `message`; lists have the same length."""
    for field, value in wanted.ListFields():
        got = getattr(message, field.name)
        if field.is_repeated:
            if len(got) != len(value):
                return False
            if field.message_type is None:
                if list(got) != list(value):
                    return False
            elif field.message_type.GetOptions().map_entry:
                if dict(got) != dict(value):
                    return False
            elif not all(contains(g, v) for g, v in zip(got, value)):
                return False
        elif field.message_type is not None:
            if not message.HasField(field.name) or not contains(got, value):
                return False
        elif got != value:
            return False
    return True


def main():
    live_steerd.load_protos()
    failures, count = [], 0
    with tempfile.TemporaryDirectory(prefix="steer-calls-") as folder:
        state = pathlib.Path(folder, "state")
        learn_on_another_model(folder, state)
        with Steerd(os.environ["STEER_TINY_MODEL"], state) as steerd:
            for name, alias in (("vector", "calm"), *((name, name) for name in ("loud", "clamp", "askew", "kv", "other_weights"))):
                steerd.call("SignalService/RegisterSignal", *upload(name, alias))
            values = variables(steerd)
            for path in sorted(CASES.glob("*.case")):
                if len(sys.argv) > 1 and sys.argv[1] not in path.name:
                    continue
                case = Case(path, values)
                count += 1
                if problem := case.problem(steerd):
                    failures.append(f"{case.name}: {problem}")
    for failure in failures:
        print("FAILED", failure)
    print(f"{count - len(failures)} of {count} cases as expected")
    sys.exit(1 if failures or count == 0 else 0)


if __name__ == "__main__":
    main()
