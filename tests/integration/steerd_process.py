"""A real steerd on a unix socket, with a state folder of its own, for tests of programs that talk to it."""

import os
import signal
import subprocess
import tempfile
import time


class SteerdProcess:
    """Starts when entered and stops when left. `address` is what clients connect to.

    Takes the program from STEERD_BINARY and the model from STEER_TEST_MODEL.
    """

    def __init__(self, *arguments):
        self._arguments = arguments
        self._folder = tempfile.TemporaryDirectory(prefix="steerd-test-")
        self._process = None
        self.log_path = os.path.join(self._folder.name, "log")
        self.address = "unix:" + os.path.join(self._folder.name, "socket")

    def __enter__(self):
        command = [
            os.environ["STEERD_BINARY"], "--model", os.environ["STEER_TEST_MODEL"],
            "--state-dir", os.path.join(self._folder.name, "state"),
            "--listen", self.address,
            # Spinning threads starve each other where other tests run too.
            *(() if "--threads" in self._arguments else ("--threads", "1")),
            *self._arguments,
        ]
        if "--metrics-listen" not in self._arguments:
            command += ["--metrics-listen", "off"]
        with open(self.log_path, "wb") as log:
            self._process = subprocess.Popen(command, stderr=log)
        deadline = time.monotonic() + 120
        while not os.path.exists(self.address[len("unix:"):]):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                raise RuntimeError(f"steerd did not come up:\n{self.log()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *exception):
        if self._process.poll() is None:
            self.stop()
        self._folder.cleanup()

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def kill(self):
        """SIGKILL. Entering again starts it anew, with the same state and address."""
        self._process.kill()
        self._process.wait()

    def stop(self):
        """SIGTERM; answers the exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
