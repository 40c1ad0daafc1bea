"""The real server and its command-line client, as a user has them."""

import ctypes
import json
import pathlib
import signal
import subprocess
import time

import datasets

PR_SET_PDEATHSIG = 1
SOCKET = "socket"  # in the work folder, which both programs run in: the path of a socket must be short


def die_with_parent():
    """Runs in the child: a server that outlives a killed run would keep the state folder locked."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Service:
    """steerd on one model, started at the first call. Log, signals and curves stay in the folder `work`. Absolute paths."""

    def __init__(self, build, model, work, threads, dtype):
        self._programs, self._model, self._work = pathlib.Path(build, "bin"), model, work
        self._threads, self._dtype = threads, dtype
        self._process = None

    def close(self):
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(timeout=120)

    def _start(self):
        socket, log = self._work / SOCKET, self._work / "steerd.log"
        socket.unlink(missing_ok=True)  # a killed server's
        command = [self._programs / "steerd", "--model", self._model, "--state-dir", self._work / "state",
                   "--listen", f"unix:{SOCKET}", "--metrics-listen", "off", "--dtype", self._dtype, "--kv-cache-mib", "64",
                   "--threads", self._threads]
        with open(log, "wb") as file:
            self._process = subprocess.Popen(list(map(str, command)), cwd=self._work, stderr=file,
                                             preexec_fn=die_with_parent)
        deadline = time.monotonic() + 300
        while not socket.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"steerd did not come up:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)

    def steerctl(self, *arguments, may_fail=False):
        """The command's JSON. `may_fail`: (JSON or None, what it said if it failed) instead of an end."""
        if self._process is None:
            self._start()
        command = list(map(str, (self._programs / "steerctl", "--server", f"unix:{SOCKET}", *arguments, "--json")))
        result = subprocess.run(command, cwd=self._work, capture_output=True, text=True, preexec_fn=die_with_parent)
        said = result.stderr.strip()
        if not may_fail:
            if result.returncode != 0:
                raise SystemExit(f"{' '.join(command[3:])}: exit code {result.returncode}\n{said}")
            return json.loads(result.stdout)
        told = json.loads(result.stdout) if result.stdout.strip() else None
        return told, said.splitlines()[-1] if result.returncode != 0 and said else ""

    def pairs_file(self, pairs):
        """For the next command: there is one such file."""
        datasets.write_pairs(self._work / "pairs.jsonl", pairs)
        return self._work / "pairs.jsonl"

    def payload(self, signal_id):
        """The file in which the server keeps a signal, in the native format."""
        return self._work / "state" / "payloads" / f"{signal_id}.safetensors"
