#!/usr/bin/env python3
"""Writes corpus/<target>/: small real files and requests, good and damaged, where the fuzzers start and the short tier repeats.

Made of the cases of tests/calls, the goldens of tests/files, tests/store and tests/parity, and models written with the package gguf. Files
named found-* stand for defects the fuzzers found; this script leaves them alone.

usage: make_corpus.py
"""

import json
import pathlib
import re
import struct
import sys
import tempfile

import gguf
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parent
sys.path.insert(0, str(TESTS / "calls"))
import live_steerd
import run_calls
import signal_files
from google.protobuf import text_format

LARGEST = 2048
ID = "0123456789abcdef" * 4

# Message -> the byte by which convert_fuzz.cc tells it.
LETTERS = {"GenerateRequest": b"G", "UpdateGenerationRequest": b"U", "ScoreRequest": b"S", "StartJobRequest": b"L",
           "RegisterSignalHeader": b"R", "ListSignalsRequest": b"A", "Prompt": b"P", "SweepRequest": b"W",
           "FitCurveRequest": b"F", "RecommendMultiplierRequest": b"M", "MeasureTextRequest": b"T",
           "ViewManifoldRequest": b"V"}

# Every field at once, which no case needs.
EVERYTHING = {
    "GenerateRequest": r'''
        prompt { chat { messages { role: "system" content: "Be \303\251" } messages { role: "user" content: "hello" } } }
        sampling { max_tokens: 9 temperature: 0.5 top_k: 4 top_p: 0.9 seed: 7 stop: "a" stop: "\n\n" log_probs: true min_p: 0.1
          repetition_penalty: 1.1 presence_penalty: -0.5 frequency_penalty: 0.5 logit_bias { key: 5 value: -100 }
          logit_bias { key: 7 value: 1.5 } min_tokens: 2 ignore_eos: true stop_token_ids: 3 stop_token_ids: 4 top_log_probs: 5
          prompt_log_probs: 0 }
        controls { signal: "loud" multiplier: 2 bias_multiplier: 0 allow_other_weights: true
          positions { prompt: false generated: true exclude_template_head: true }
          changes { position: 1 multiplier: 0 } changes { position: 9 multiplier: -1 bias_multiplier: 3 } }
        controls { signal: "%s" } n: 1 echo: true truncation: TRUNCATION_DROP_FIRST continue_tokens: 1 continue_tokens: 2''' % ID,
    "UpdateGenerationRequest": 'request_id: 18446744073709551615 signal: "loud" multiplier: -1e6 bias_multiplier: 0.5',
    "ScoreRequest": '''pairs { question: "q" positive: "p" negative: "n" } controls { signal: "loud" multiplier: 1 }
        multipliers: -1 multipliers: 0 system: "s" end_of_turn: false raw: true omit_pairs: true
        both_spellings: false''',
    "SweepRequest": '''pairs { question: "q" positive: "p" negative: "n" } pairs { question: "" positive: " p" negative: "n" }
        control { signal: "loud" positions { prompt: false user_text_only: true } allow_other_weights: true } system: "s"
        adaptive { low: -2 high: 3 points: 9 initial: 4 } end_of_turn: true raw: true both_spellings: false''',
    "FitCurveRequest": 'curve_id: "%s" mode: SUM resamples: 100 seed: 3 band_points: 7' % ID,
    "RecommendMultiplierRequest": '''curve_id: "%s" min_preference_gain: 0.5 less_preference: true
        check { questions: "q" questions: "" system: "s" raw: true max_nll_increase: 0.25 max_tokens: 9 }''' % ID,
    "MeasureTextRequest": '''questions: "q" questions: "" controls { signal: "loud" multiplier: 2 } multipliers: -1 multipliers: 0
        system: "s" raw: true sampling { max_tokens: 9 temperature: 0 seed: 4 } omit_texts: true
        choices { matching: " Yes" not_matching: "(B)" }''',
    "ViewManifoldRequest": '''questions: "q" questions: "" control { signal: "loud" positions { prompt: true } } multipliers: -1
        multipliers: 0 system: "s" raw: true site: "layers.1.block_out" explained_share: 0.5 curve_id: "%s"''' % ID,
    "StartJobRequest": '''pairs { question: "q" positive: "p" negative: "n" } system: "s" alias: "a/b-1"
        labels { key: "by" value: "anna" } description: "d" training { split { gamma: 6 per_pair: true reference_weight: 0.5 }
        kind: "lora" places { site: "layers.1.block_out" read: "mlp_mid" } rank: 2 positions { prompt: false } use: ADD
        factors: 0.5 factors: 2 epochs: 1.5 batch: 2 accumulation: 3 learning_rate: 0.02 warm_up_steps: 1 decay: COSINE
        weight_decay: 0.1 clip: 0 dropout: 0.1 seed: 7 end_of_turn: false }''',
    "RegisterSignalHeader": '''format: "native" size: 1024 sha256: "%s" labels { key: "by" value: "" } description: "d"
        alias: "a"''' % ID,
    "ListSignalsRequest": "page_size: 1000",
    "Prompt": "tokens { ids: 0 ids: -1 ids: 2147483647 }",
}
NAMES = {"alias": b"team/polite-v2", "id": ID.encode(), "upper": ID.upper().encode(), "utf8": "Gr\u00fc\u00dfe \U0001f642".encode(),
         "overlong": b"a\xc0\xaf", "surrogate": b"\xed\xa0\x80", "cut": b"a\xf0\x9f\x99"}


class Corpus:
    """One folder, emptied of what an earlier run has left."""

    def __init__(self, target):
        self.folder = HERE / "corpus" / target
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if not path.name.startswith("found-"):
                path.unlink()
        self.contents = set()

    def add(self, name, content):
        if 0 < len(content) <= LARGEST and content not in self.contents:
            self.contents.add(content)
            (self.folder / name).write_bytes(content)


class StandIns(dict):
    """Values for the cases' variables where no server runs: any id will do."""

    def __missing__(self, name):
        long = {"HELLO": "1", "LONG_TEXT": "x" * 600, "LONG_STOP": "s" * 257, "65_CONTROLS": 'controls { signal: "c" } ' * 65,
                "17_STOPS": 'stop: "s" ' * 17}
        many = re.fullmatch(r"\d+_[A-Z_]+", name)
        return long.get(name) or ("" if many else ID)


def of_call(path, request):
    """(message, bytes) that reach a converter for this request; None for other calls."""
    kind = type(request).DESCRIPTOR.name
    if kind == "TokenizeRequest":
        return "Prompt", request.prompt.SerializeToString(deterministic=True)
    if kind == "RegisterSignalRequest":
        return ("RegisterSignalHeader", request.header.SerializeToString(deterministic=True)) if request.HasField("header") else None
    return (kind, request.SerializeToString(deterministic=True)) if kind in LETTERS else None


def make_convert():
    corpus, seen = Corpus("convert"), set()
    for kind, text in EVERYTHING.items():
        message = text_format.Parse(text, live_steerd.message_class(f"steer.v1.{kind}")())
        corpus.add(f"{kind}.everything", LETTERS[kind] + message.SerializeToString(deterministic=True))
    for path in sorted(run_calls.CASES.glob("*.case")):
        case = run_calls.Case(path, StandIns())
        reason = (case.path, case.code, case.field)
        for request in case.requests[:1]:
            found = of_call(case.path, request)
            # One case for each field that can be refused.
            if found and reason not in seen:
                seen.add(reason)
                corpus.add(f"{found[0]}.{path.name.split('.')[2]}", LETTERS[found[0]] + found[1])
    for name, content in NAMES.items():
        corpus.add(f"name.{name}", b"N" + content)


def make_jinja():
    corpus = Corpus("jinja")
    for name in ("gemma-2", "llama-3", "mistral-v0.1", "phi-3", "phi-3.5", "smollm2"):
        corpus.add(name, (TESTS / f"parity/testdata/chat_templates/{name}.jinja").read_bytes())
    lines = (TESTS / "parity/testdata/jinja_snippets.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    for number, line in enumerate(lines):
        if number % 5 == 0:
            corpus.add(f"snippet_{number:03}", json.loads(line)["source"].encode())


def make_tokenizer():
    """Each family's stages around a vocabulary of a few tokens."""
    corpus = Corpus("tokenizer")
    for path in sorted((TESTS / "parity/testdata/tokenizers").glob("*/tokenizer.json")):
        tokenizer = json.loads(path.read_text(encoding="utf-8"))
        model = tokenizer["model"]
        space = "\u2581" if model.get("byte_fallback") else "\u0120"
        spellings = ["<unk>", "<s>", "a", "b", space, "ab", space + "a", "abab", "1", "<0x0A>", "<0xE6>"]
        model["vocab"] = {spelling: token for token, spelling in enumerate(spellings)}
        model["merges"] = [["a", "b"], [space, "a"], ["ab", "ab"]]
        if model.get("unk_token"):
            model["unk_token"] = "<unk>"
        flags = {"lstrip": True, "rstrip": False, "normalized": False, "single_word": False, "special": True}
        tokenizer["added_tokens"] = [{"id": 1, "content": "<s>", **flags}]
        tokenizer["post_processor"] = None
        text = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) <= 2048:
            corpus.add(path.parent.name, text.encode())


def make_signals():
    native, safetensors = Corpus("native"), Corpus("safetensors")
    for path in (TESTS / "store/testdata").glob("*.safetensors"):
        native.add(path.name, path.read_bytes())
    for path in (TESTS / "files/testdata").glob("*.safetensors"):
        safetensors.add(path.name, path.read_bytes())
    for name, content in signal_files.FILES.items():
        if name.startswith(("csv", "jsonl")):
            continue
        native.add(name, content)
    site = signal_files.SITE
    floats = signal_files.floats
    native.add("small_local_weight", signal_files.native(
        {"layers.2.q_proj.dW": floats(2, 3), "layers.2.q_proj.db": floats(2)}, kind="local_weight", default_multiplier="0.5",
        reads='{"layers.2.q_proj": "attn_in"}'))
    for name, positions in (("positions", '{"prompt": false}'), ("bad_positions", '{"prompt": 1}'), ("no_json", "{")):
        native.add(name, signal_files.native({f"{site}.v": floats(4)}, default_positions=positions))
    for dtype, width in (("F64", 8), ("F16", 2), ("BF16", 2), ("I64", 8), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1)):
        safetensors.add(f"dtype_{dtype}", signal_files.safetensors({"t": (dtype, [2, 3], bytes(6 * width))}, {}))
    for name, header in (("empty_object", b"{}"), ("no_object", b"[]"), ("deep", b'{"a":' * 40), ("not_utf8", b'{"\xff":1}'),
                         ("negative", b'{"t":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}'),
                         ("huge", b'{"t":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,8]}}'),
                         ("twice", b'{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"t":1}')):
        safetensors.add(name, struct.pack("<Q", len(header)) + header)
    for name in ("lying_header", "overlapping", "truncated"):
        safetensors.add(name, signal_files.FILES[name])


def make_dataset():
    corpus = Corpus("dataset")
    for name, content in signal_files.FILES.items():
        if name.startswith(("csv", "jsonl")):
            corpus.add(name, (b"C" if name.startswith("csv") else b"J") + content)
    corpus.add("choice", b"Cquestion,A,B,matching\nq, x ,y,B\n")
    corpus.add("trimmed", b'T{"input": "q", "output": " a ", "concept_id": 3, "more": {"x": [1]}}\n')
    corpus.add("quote_without_end", b'Cquestion,positive\n"q,p\n')
    corpus.add("mixed", b'J{"input": "q", "matching": "a"}\n\n{"question": "q", "negative": "b", "A": "x"}\n')
    corpus.add("deep", b"J" + b"[" * 2000)


def small_model(fill):
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        writer = gguf.GGUFWriter(file.name, "llama")
        fill(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return pathlib.Path(file.name).read_bytes()


def one_tensor(kind):
    def fill(writer):
        values = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 64)
        writer.add_tensor("t", gguf.quants.quantize(values, kind), raw_dtype=kind)
    return fill


def make_gguf():
    corpus = Corpus("gguf")
    small = (TESTS / "files/testdata/small.gguf").read_bytes()
    corpus.add("small", small)
    for kind in ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"):
        corpus.add(f"one_{kind}", small_model(one_tensor(gguf.GGMLQuantizationType[kind])))
    corpus.add("no_tensors", small_model(lambda writer: writer.add_string("a", "b")))
    corpus.add("tokens", small_model(lambda writer: writer.add_token_list(["a", "b", "\u0120c"])))
    corpus.add("alignment", small_model(lambda writer: (writer.add_custom_alignment(8), one_tensor(
        gguf.GGMLQuantizationType.F32)(writer))))
    # The head: magic, version, number of tensors, number of values.
    head = lambda version, tensors, values: b"GGUF" + struct.pack("<IQQ", version, tensors, values)
    corpus.add("version_9", head(9, 0, 0))
    corpus.add("many_tensors", head(3, 1 << 62, 0))
    corpus.add("many_values", head(3, 0, 1 << 62))
    string = lambda text: struct.pack("<Q", len(text)) + text
    corpus.add("long_key", head(3, 0, 1) + struct.pack("<Q", 1 << 63) + b"key")
    corpus.add("nested_arrays", head(3, 0, 1) + string(b"k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 20)
    corpus.add("long_array", head(3, 0, 1) + string(b"k") + struct.pack("<IIQ", 9, 8, 1 << 61))
    corpus.add("huge_shape", head(3, 1, 0) + string(b"t") + struct.pack("<IQQIQ", 2, 1 << 40, 1 << 40, 0, 0))
    corpus.add("far_offset", head(3, 1, 0) + string(b"t") + struct.pack("<IQIQ", 1, 4, 0, (1 << 64) - 32))


if __name__ == "__main__":
    live_steerd.load_protos()
    make_convert()
    make_jinja()
    make_tokenizer()
    make_signals()
    make_dataset()
    make_gguf()
    for folder in sorted((HERE / "corpus").iterdir()):
        sizes = [path.stat().st_size for path in folder.iterdir()]
        print(f"{folder.name}: {len(sizes)} files, {sum(sizes)} bytes")
