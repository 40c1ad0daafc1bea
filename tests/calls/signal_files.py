"""Signal files, good and bad, for the cases: name -> bytes. The tiny model has 3 layers, hidden 64, ffn 96."""

import json
import struct


def safetensors(tensors, metadata):
    """`tensors`: name -> (dtype, shape, bytes)."""
    header, data = {"__metadata__": metadata}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def floats(*shape, value=0.25):
    count = 1
    for size in shape:
        count *= size
    return ("F32", list(shape), struct.pack("<f", value) * count)


def unit_row(*axes):
    """A row of 64 of length 1, along these axes in equal parts."""
    values = [len(axes) ** -0.5 if i in axes else 0.0 for i in range(64)]
    return ("F32", [1, 64], struct.pack("<64f", *values))


def native(tensors, kind="vector", **metadata):
    return safetensors(tensors, {"format": "control-signal/1", "kind": kind, **metadata})


SITE = "layers.1.block_out"

FILES = {
    "csv": b'question,matching,not_matching,topic\r\n"the question, again",hello,an other one,"a ""b"""\r\nwhat,go on,,c\r\n',
    "csv_bad_row": b"question,matching,not_matching\nthe question,hello\n",
    "jsonl": b'{"question": "the question", "answer_matching_behavior": " hello", "answer_not_matching_behavior": " no"}\n',
    "jsonl_bad_row": b'{"question": "the question", "positive": "hello"}\n{"question": "what"}\n',
    "jsonl_bad_utf8": b'{"question": "\xff", "positive": "hello"}\n',
    "vector": native({f"{SITE}.v": floats(64)}),
    "loud": native({f"{SITE}.v": floats(64, value=0.5)}, default_multiplier="2"),
    "lora": native({"layers.0.down_proj.A": floats(2, 96), "layers.0.down_proj.B": floats(64, 2)}, kind="lora"),
    "local_weight": native({"layers.2.q_proj.dW": floats(64, 64, value=0.01)}, kind="local_weight"),
    "clamp": native({f"{SITE}.W": unit_row(0), f"{SITE}.a": floats(1, value=3)}, kind="clamp"),
    "askew": native({f"{SITE}.W": unit_row(0, 1), f"{SITE}.a": floats(1, value=3)}, kind="clamp"),
    "bottleneck": native({f"{SITE}.D": floats(2, 64), f"{SITE}.U": floats(64, 2)}, kind="bottleneck", nonlinearity="silu"),
    "null_out": native({f"{SITE}.w": floats(64), f"{SITE}.b": floats(1)}, kind="null_out"),
    "low_rank_affine": native({f"{SITE}.R": unit_row(3), f"{SITE}.W": floats(1, 64)}, kind="low_rank_affine"),
    "feature_shift": native({f"{SITE}.{name}": floats(5, 64) for name in ("W_enc", "W_dec", "W_a")}
                            | {f"{SITE}.{name}": floats(5) for name in ("b_enc", "b_a", "tau")}, kind="feature_shift"),
    "kv": native({"layers.0.kv.S_v": floats(2, 16), "layers.2.kv.S_k": floats(2, 16), "layers.2.kv.S_v": floats(2, 16)}, kind="kv"),
    "kv_at_block_out": native({f"{SITE}.S_v": floats(2, 16)}, kind="kv"),
    "kv_in_one_row": native({"layers.1.kv.S_v": floats(32)}, kind="kv"),
    "not_orthonormal": native({f"{SITE}.W": floats(2, 64), f"{SITE}.a": floats(2)}, kind="clamp"),
    "clamp_inside": native({"layers.1.o_proj.W": unit_row(0), "layers.1.o_proj.a": floats(1)}, kind="clamp"),
    "null_out_of_nothing": native({f"{SITE}.w": floats(64, value=0)}, kind="null_out"),
    "stochastic": native({f"{SITE}.R": unit_row(3), f"{SITE}.W": floats(1, 64), f"{SITE}.W_sigma": floats(1, 64)},
                         kind="low_rank_affine"),
    "other_nonlinearity": native({f"{SITE}.D": floats(2, 64), f"{SITE}.U": floats(64, 2)}, kind="bottleneck",
                                 nonlinearity="relu"),
    "other_weights": native({f"{SITE}.v": floats(64, value=0.75)}, model_weights="0123456789abcdef"),
    "other_shape": native({f"{SITE}.v": floats(64)}, model_shape="0123456789abcdef"),
    "wrong_width": native({f"{SITE}.v": floats(63)}),
    "wrong_rank": native({"layers.0.down_proj.A": floats(2, 96), "layers.0.down_proj.B": floats(64, 3)}, kind="lora"),
    "missing_tensor": native({"layers.0.down_proj.A": floats(2, 96)}, kind="lora"),
    "extra_tensor": native({f"{SITE}.v": floats(64), f"{SITE}.w": floats(64)}),
    "nan": native({f"{SITE}.v": ("F32", [64], struct.pack("<f", 1) * 63 + struct.pack("<f", float("nan")))}),
    "infinite": native({f"{SITE}.v": floats(64, value=float("inf"))}),
    "integers": native({f"{SITE}.v": ("I32", [64], bytes(256))}),
    "unknown_layer": native({"layers.3.block_out.v": floats(64)}),
    "unknown_site": native({"layers.1.nowhere.v": floats(64)}),
    "unknown_kind": native({f"{SITE}.v": floats(64)}, kind="spell"),
    "unknown_key": native({f"{SITE}.v": floats(64)}, colour="red"),
    "other_format": safetensors({f"{SITE}.v": floats(64)}, {"format": "control-signal/9", "kind": "vector"}),
    "nan_default": native({f"{SITE}.v": floats(64)}, default_multiplier="nan"),
    "not_safetensors": b"\x80\x04\x95 this is a pickle, not a signal",
    "lying_header": struct.pack("<Q", 1 << 60) + b"{}",
    "truncated": native({f"{SITE}.v": floats(64)})[:-4],
    "overlapping": (
        lambda text: struct.pack("<Q", len(text)) + text + bytes(256)
    )(
        json.dumps({
            "__metadata__": {"format": "control-signal/1", "kind": "vector"},
            "layers.0.block_out.v": {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]},
            "layers.1.block_out.v": {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]},
        }).encode()
    ),
}
