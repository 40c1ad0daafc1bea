"""The main job, done through steerctl: polar pairs in, a vector learned, the same prompts answered plain and steered at
several strengths, every strength scored on pairs the vector has not seen.

Fails if the bootstrap interval of the preference's slope at multiplier 0 does not lie above 0: then steering did not work.
Usage: demo.py STEERCTL SERVER METRICS_URL
"""

import json
import pathlib
import subprocess
import sys
import textwrap
import urllib.request

PAIRS = pathlib.Path(__file__).resolve().parent / "pairs"
ALIAS = "cheerful"
MULTIPLIERS = (-2, -1, -0.5, 0, 0.5, 1, 2)
SHOWN = (-2, -1, 0, 1, 2)
PROMPTS = ("How was your weekend?", "Tell me about the weather today.", "Write one sentence about your day.")
METRICS = ("steer_preference_log_odds", "steer_utility_log_odds", "steer_requests_finished_total", "steer_generated_tokens_total",
           "steer_steered_tokens_total", "steer_signals_resident", "steer_kv_cache_usage_ratio",
           "steer_time_to_first_token_seconds_count", "steer_time_to_first_token_seconds_sum",
           "steer_inter_token_latency_seconds_count", "steer_inter_token_latency_seconds_sum")


class Steerctl:

    def __init__(self, program, server):
        self._command = [program, "--server", server]

    def run(self, *arguments):
        """The command's JSON. Its errors and its progress go to the terminal."""
        result = subprocess.run([*self._command, *arguments, "--json"], stdout=subprocess.PIPE)
        if result.returncode != 0:
            sys.exit(f"steerctl {' '.join(arguments)}: failed")
        return json.loads(result.stdout)


def number(value):
    return "undefined" if value is None else f"{value:+.3f}"


def heading(text):
    print(f"\n== {text} ==", flush=True)


def learn(steerctl):
    heading("1. Learn a vector from polar pairs")
    job = steerctl.run("learn", str(PAIRS / f"{ALIAS}_train.jsonl"), "--alias", ALIAS, "--promote")
    results = job["results"]
    print(f"signal {job['signal_id'][:16]}…, alias {ALIAS}: layer {results['layer']:.0f}, |v| = {results['norm']:.3f}, "
          f"mean |h| = {results['mean_activation_norm']:.3f}, from {results['pairs']:.0f} pairs")


def generate(steerctl, prompt, multiplier):
    answer = steerctl.run("generate", prompt, "--signal", f"{ALIAS}={multiplier}", "--temperature", "0", "--max-tokens", "48")
    return " ".join(answer["text"].split())


def show_answers(steerctl):
    heading("2. The same prompts, steered and plain (greedy, 48 tokens)")
    for prompt in PROMPTS:
        print(f"\n{prompt}")
        for multiplier in SHOWN:
            name = "plain" if multiplier == 0 else f"{ALIAS}={multiplier:g}"
            print(textwrap.fill(generate(steerctl, prompt, multiplier), 100, initial_indent=f"  {name:<14}",
                                subsequent_indent=" " * 16))


def score(steerctl):
    heading("3. Score every strength on held-out pairs")
    answer = steerctl.run("score", str(PAIRS / f"{ALIAS}_test.jsonl"), "--signal", f"{ALIAS}=1",
                          "--multipliers=" + ",".join(map(str, MULTIPLIERS)))
    print(f"{'multiplier':>10}  {'preference':>10}  {'utility':>10}  {'cheerful answer likelier':>24}")
    for point in answer["points"]:
        odds = point["mean"]
        print(f"{point['multiplier']:>10g}  {number(odds['preference']):>10}  {number(odds.get('utility')):>10}  "
              f"{odds['preference_positive_rate']:>24.0%}")
    print("log-odds, natural logarithms, means over pairs; losses are means per answer token")
    return answer["summary"]["slope"]


def show_metrics(url):
    heading("4. What the operator sees")
    print(url)
    with urllib.request.urlopen(url, timeout=10) as page:
        for line in page.read().decode().splitlines():
            if line.split("{")[0].split(" ")[0] in METRICS and 'mode="sum"' not in line:
                print(f"  {line}")


def main():
    program, server, metrics_url = sys.argv[1:]
    steerctl = Steerctl(program, server)
    learn(steerctl)
    show_answers(steerctl)
    slope = score(steerctl)
    show_metrics(metrics_url)
    heading("Verdict")
    print(f"slope of the preference at 0: {slope['slope']:+.4f} per multiplier, 95 % interval "
          f"{slope['interval_low']:+.4f} .. {slope['interval_high']:+.4f}")
    if slope["interval_low"] <= 0:
        sys.exit("The interval does not lie above 0: the vector does not make the concept likelier.")
    print("The interval lies above 0: the vector makes the concept likelier.", flush=True)


if __name__ == "__main__":
    main()
