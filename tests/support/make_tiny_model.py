#!/usr/bin/env python3
"""Writes a tiny seeded Llama-type GGUF with a byte-level tokenizer and a ChatML template.

Real in every part, small enough to load in milliseconds: 3 layers, hidden 64, 4 query and 2 key heads, 300 tokens. Equal
arguments give equal bytes.

usage: make_tiny_model.py OUT.gguf [--seed N] [--type F32|F16|BF16|Q8_0|Q4_1] [--untied] [--hidden N]
"""
import argparse

import gguf
import numpy as np

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a small test model<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def byte_characters():
    """The printable stand-ins of the 256 bytes in byte-level BPE vocabularies, by byte."""
    keep = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    table, extra = {}, 0
    for byte in range(256):
        if byte in keep:
            table[byte] = chr(byte)
        else:
            table[byte] = chr(256 + extra)
            extra += 1
    return table


def vocabulary():
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    table = byte_characters()
    space = table[0x20]
    merges = [("t", "h"), ("th", "e"), (space, "the"), ("i", "n"), ("a", "n"), ("e", "r"), (space, "a"),
              ("u", "s"), ("us", "er"), ("o", "n"), ("l", "l"), ("h", "e"), ("he", "ll"), ("hell", "o")]
    tokens = special + [table[b] for b in range(256)]
    for left, right in merges:
        if left + right not in tokens:
            tokens.append(left + right)
    while len(tokens) < 300:
        tokens.append(f"<|unused{len(tokens)}|>")
    types = [gguf.TokenType.CONTROL if t.startswith("<|") else gguf.TokenType.NORMAL for t in tokens]
    return tokens, types, [f"{l} {r}" for l, r in merges]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--type", default="F32")
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--untied", action="store_true")
    args = parser.parse_args()

    layers, heads, kv_heads, ffn, context = 3, 4, 2, 96, 512
    hidden, head_dim = args.hidden, args.hidden // heads
    tokens, types, merges = vocabulary()
    rng = np.random.default_rng(args.seed)
    kind = gguf.GGMLQuantizationType[args.type]

    writer = gguf.GGUFWriter(args.out, "llama")
    writer.add_name("tiny")
    writer.add_block_count(layers)
    writer.add_context_length(context)
    writer.add_embedding_length(hidden)
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHATML)

    def matrix(name, out, into):
        values = rng.normal(0, 1.5 / np.sqrt(into), (out, into)).astype(np.float32)
        if kind == gguf.GGMLQuantizationType.F32:
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def norm(name):
        writer.add_tensor(name, (1 + 0.1 * rng.normal(size=hidden)).astype(np.float32))

    matrix("token_embd.weight", len(tokens), hidden)
    for l in range(layers):
        norm(f"blk.{l}.attn_norm.weight")
        matrix(f"blk.{l}.attn_q.weight", heads * head_dim, hidden)
        matrix(f"blk.{l}.attn_k.weight", kv_heads * head_dim, hidden)
        matrix(f"blk.{l}.attn_v.weight", kv_heads * head_dim, hidden)
        matrix(f"blk.{l}.attn_output.weight", hidden, heads * head_dim)
        norm(f"blk.{l}.ffn_norm.weight")
        matrix(f"blk.{l}.ffn_gate.weight", ffn, hidden)
        matrix(f"blk.{l}.ffn_up.weight", ffn, hidden)
        matrix(f"blk.{l}.ffn_down.weight", hidden, ffn)
    norm("output_norm.weight")
    if args.untied:
        matrix("output.weight", len(tokens), hidden)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
