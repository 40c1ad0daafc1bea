"""The identity of a control signal, written down a second time and independently of the C++.

Prints the ids that signal_data_test.cc and signal_tensors_test.cc hold as their golden values.
"""

import hashlib
import struct


def number(value):
    return struct.pack("<Q", value)


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return number(len(value)) + value


def tensor(name, shape, values):
    dims = b"".join(number(d) for d in shape)
    return text(name) + text("F32") + number(len(shape)) + dims + text(struct.pack(f"<{len(values)}f", *values))


FORM = b"".join([
    text("control-signal/1"),
    text("lora"),
    text("shape-mark"), text("weights-mark"),
    struct.pack("<d", -2.5),
    number(0), number(1), number(1),  # prompt, generated, exclude_template_head + 2 user_text_only
    number(2),  # sites
    text("layers.1.down_proj"), text("input"), number(2),
    tensor("A", [1, 3], [1.0, -0.0, 0.5]),
    tensor("B", [2, 1], [0.25, -8.0]),
    text("layers.1.block_out"), text("mlp_mid"), number(3),
    tensor("A", [1, 3], [1e-30, 2.0, 3.0]),
    tensor("B", [2, 1], [4.0, 5.0]),
    tensor("db", [2], [6.0, 7.0]),
])
BOTTLENECK = b"".join([
    text("control-signal/1"),
    text("bottleneck"),
    text(""), text(""),
    struct.pack("<d", 1.0),
    number(1), number(1), number(0),
    number(1),
    text("layers.1.block_out"), text("input"), number(4),
    tensor("D", [3, 2], [1, 2, 3, 4, 5, 6]),
    tensor("U", [2, 3], [1, 2, 3, 4, 5, 6]),
    tensor("b", [2], [1, 2]),
    tensor("e", [3], [1, 2, 3]),
    text("silu"),
])
for form in (FORM, BOTTLENECK):
    print(hashlib.sha256(form).hexdigest())
