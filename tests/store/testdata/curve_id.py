"""The id of the curve in ../test_curves.h, computed from the description of the canonical form alone: every text and every list is
its length in bytes and then its bytes, every number and flag 8 bytes, all little-endian."""

import hashlib
import struct


def number(value):
    return struct.pack("<q", value)


def sized(data):
    return number(len(data)) + data


def doubles(values):
    return sized(struct.pack(f"<{len(values)}d", *values))


values = [1 + 0.25 * i for i in range(6)]
losses = [loss for value in values for loss in (value, value + 0.5, value / 4, value / 8)]
form = sized(b"dose-curve/1") + sized(b"a" * 64)
form += b"".join(number(flag) for flag in (1, 1, 0, 1))  # prompt, generated, exclude_template_head, user_text_only
form += sized(b"fingerprint") + sized(b"b" * 64) + sized(b"s\0\xff")
form += b"".join(number(flag) for flag in (1, 0, 1))  # end_of_turn, raw, both_spellings
form += doubles([-1.5, 0.0, 2.0]) + number(2) + doubles(losses)
print(hashlib.sha256(form).hexdigest())
