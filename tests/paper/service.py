"""The real server and its command-line client, as a user has them."""

import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Runs in the child: a server that outlives a killed run would keep the state folder locked."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Service:
    """steerd on one model, started at the first call. Its signals and curves stay in `state`."""

    def __init__(self, build, model, state, threads):
        self._programs = pathlib.Path(build).resolve() / "bin"
        self._model, self._state, self._threads = model, pathlib.Path(state), threads
        self._process = None
        self._folder = None

    def close(self):
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=120)
        if self._folder is not None:
            shutil.rmtree(self._folder)

    def _start(self):
        self._folder = tempfile.mkdtemp(prefix="steer-paper-")  # the path of a socket must be short
        self._address = f"unix:{self._folder}/socket"
        self._state.mkdir(parents=True, exist_ok=True)
        # In f32, as the signals are trained.
        command = [str(self._programs / "steerd"), "--model", str(self._model), "--state-dir", str(self._state),
                   "--listen", self._address, "--metrics-listen", "off", "--dtype", "f32", "--kv-cache-mib", "64",
                   "--threads", str(self._threads)]
        log = self._state.parent / "steerd.log"
        with open(log, "wb") as file:
            self._process = subprocess.Popen(command, stderr=file, preexec_fn=die_with_parent)
        deadline = time.monotonic() + 300
        while not os.path.exists(f"{self._folder}/socket"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"steerd did not come up:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)

    def steerctl(self, *arguments, may_fail=False):
        """The command's JSON. `may_fail`: None and its message instead of an end, as (json, message)."""
        if self._process is None:
            self._start()
        command = [str(self._programs / "steerctl"), "--server", self._address, *map(str, arguments), "--json"]
        result = subprocess.run(command, capture_output=True, text=True, preexec_fn=die_with_parent)
        said = result.stderr.strip()
        if result.returncode != 0 and not may_fail:
            raise SystemExit(f"steerctl {' '.join(map(str, arguments))}: exit code {result.returncode}\n{said}")
        told = json.loads(result.stdout) if result.stdout.strip() else None
        return (told, said.splitlines()[-1] if result.returncode != 0 and said else "") if may_fail else told

    def payload(self, signal_id):
        """The file in which the server keeps a signal, in the native format."""
        return self._state / "payloads" / f"{signal_id}.safetensors"
