"""Every query of the Grafana dashboard, put to a real Prometheus that scrapes a real steerd with our configuration."""

import json
import math
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from steerd_process import SteerdProcess

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "preference_utility.json").read_text())
LEVELS = {"-2..-0.5", "-0.5..0", "0", "0..0.5", "0.5..1", "1..2"}
WINDOW = "5m"  # longer than the whole test


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """Debian's, with deploy/prometheus/prometheus.yml, its target replaced and its scrapes a second apart."""

    def __init__(self, target):
        self._folder = tempfile.TemporaryDirectory(prefix="prometheus-test-")
        shipped = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
        config = re.sub(r"scrape_interval: \S+", "scrape_interval: 1s", shipped.replace("steerd:7071", target))
        assert target in config and config.count("scrape_interval: 1s") == 1
        path = pathlib.Path(self._folder.name, "prometheus.yml")
        path.write_text(config)
        self._address = f"127.0.0.1:{free_port()}"
        with open(pathlib.Path(self._folder.name, "log"), "wb") as log:
            self._process = subprocess.Popen(
                [os.environ["STEER_PROMETHEUS"], f"--config.file={path}", f"--web.listen-address={self._address}",
                 f"--storage.tsdb.path={self._folder.name}/data"], stdout=log, stderr=log)

    def close(self):
        self._process.terminate()
        self._process.wait(timeout=30)
        self._folder.cleanup()

    def get(self, path, **parameters):
        url = f"http://{self._address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        """[(labels, value)] of an instant query."""
        return [(sample["metric"], float(sample["value"][1])) for sample in self.get("query", query=expression)["result"]]

    def wait_until(self, expression, seconds=60):
        """Until a query has an answer that is not empty."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self.query(expression):
                    return
            except OSError:
                pass  # it is still starting
            if time.monotonic() > deadline:
                raise AssertionError(f"Prometheus never had an answer to {expression}")
            time.sleep(0.2)


def as_grafana_sends_it(expression):
    """With the variables filled in: "All" everywhere, means."""
    for name, value in (("$mode", "mean"), ("$source", ".*"), ("$signal", ".*"), ("$pool", ".*"),
                        ("$__rate_interval", WINDOW)):
        expression = expression.replace(name, value)
    return expression


def dashboard_queries():
    """(panel, expression) of every query."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], as_grafana_sends_it(target["expr"])


class DashboardTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.metrics_port = free_port()
        cls.server = SteerdProcess("--metrics-listen", f"127.0.0.1:{cls.metrics_port}", "--probe-interval", "1", "--probe-share", "1")
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.prometheus = Prometheus(f"127.0.0.1:{cls.metrics_port}")
        cls.addClassCleanup(cls.prometheus.close)
        cls.prometheus.wait_until("up == 1")
        # A few of the pairs that ship: what the numbers say is not the point here.
        cls.pairs = tempfile.NamedTemporaryFile("w", suffix=".jsonl")
        cls.addClassCleanup(cls.pairs.close)
        cls.pairs.writelines((DEPLOY / "pairs" / "cheerful_test.jsonl").read_text().splitlines(keepends=True)[:4])
        cls.pairs.flush()
        cls.traffic()
        # A rate needs two scrapes of a series and a change between them, so the traffic comes twice.
        for metric in ("steer_utility_log_odds", 'steer_rpc_duration_seconds_count{code="NOT_FOUND"}',
                       "steer_steered_tokens_total"):
            cls.prometheus.wait_until(metric)
        cls.steerctl("probes", "set", "cheerful", cls.pairs.name)
        cls.traffic()
        cls.prometheus.wait_until("steer_probe_runs_total > 0")
        cls.prometheus.wait_until(f"increase(steer_requests_finished_total[{WINDOW}]) > 0")
        cls.prometheus.wait_until(f'increase(steer_rpc_duration_seconds_count{{code="NOT_FOUND"}}[{WINDOW}]) > 0')

    @classmethod
    def steerctl(cls, *arguments, code=0):
        result = subprocess.run([os.environ["STEERCTL_BINARY"], "--server", cls.server.address, *arguments],
                                capture_output=True, text=True, timeout=120)
        assert result.returncode == code, f"{arguments}: {result.returncode}\n{result.stdout}{result.stderr}"

    @classmethod
    def traffic(cls):
        """One of everything that the dashboard shows, mistakes included."""
        cls.steerctl("learn", cls.pairs.name, "--alias", "cheerful", "--promote")
        cls.steerctl("generate", "How are you?", "--signal", "cheerful=1", "--max-tokens", "8",
                     "--temperature", "0", "--plain-too")
        cls.steerctl("score", cls.pairs.name, "--signal", "cheerful=1", "--multipliers=-1,-0.25,0,0.25,1,2")
        cls.steerctl("signal", "show", "nobody", code=1)
        cls.steerctl("generate", "How are you?", "--signal", "nobody=1", code=1)

    def test_no_query_is_empty(self):
        queries = list(dashboard_queries())
        self.assertGreater(len(queries), 20)
        for panel, expression in queries:
            with self.subTest(panel=panel, query=expression):
                self.assertNotIn("$", expression)
                samples = self.prometheus.query(expression)
                self.assertTrue(samples, "empty")
                self.assertTrue(any(math.isfinite(value) for _, value in samples), samples)

    def test_a_metric_that_does_not_exist_is_empty(self):
        self.assertEqual(self.prometheus.query("steer_no_such_metric"), [])

    def test_every_variable_has_values(self):
        for variable in DASHBOARD["templating"]["list"]:
            with self.subTest(variable=variable["name"]):
                metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
                values = self.prometheus.get(f"label/{label}/values", **{"match[]": metric})
                self.assertTrue(values)
                self.assertIn(variable["current"]["value"], [*values, "$__all"])

    def test_the_dose_curve_has_a_point_for_every_level_scored(self):
        for metric in ("steer_preference_log_odds", "steer_utility_log_odds"):
            levels = {labels["level"] for labels, _ in self.prometheus.query(f'{metric}{{signal="cheerful", mode="mean"}}')}
            self.assertEqual(levels, LEVELS, metric)

    def test_a_scraped_number_is_the_servers_own(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as page:
            text = page.read().decode()
        line, = [line for line in text.splitlines() if line.startswith("steer_requests_finished_total") and "length" in line]
        value, = [value for labels, value in self.prometheus.query("steer_requests_finished_total")
                  if labels["reason"] == "length"]
        self.assertEqual(value, float(line.split()[-1]))

    def test_the_configuration_is_valid(self):
        promtool = pathlib.Path(os.environ["STEER_PROMETHEUS"]).with_name("promtool")
        result = subprocess.run([promtool, "check", "config", DEPLOY / "prometheus" / "prometheus.yml"],
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
