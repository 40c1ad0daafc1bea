"""Writes testdata/tokenizer.jsonl, what the reference makes of many texts.

    python3 make_tokenizer_goldens.py MODEL.gguf

The reference is Hugging Face's, twice: transformers' tokenizer loaded from the GGUF, and a `tokenizers` object built
here from the file's tables like the tokenizer.json of the model's authors; both must agree on every text. Transformers
does not read tokenizer.ggml.pre and always uses GPT-2's splits, so its pre-tokenizer is replaced first.
One JSON object per line, told apart by "kind": "classes", "text", "tokens", "chat".
"""

import json
import os
import pathlib
import random
import sys

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split
from transformers import AutoTokenizer

from tokenizer_texts import chats, texts

CONTROL = 3


def split_by(pattern):
    return Sequence([Split(Regex(pattern), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)])


PRE_TOKENIZERS = {
    "smollm": Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]),
    "gpt-2": ByteLevel(add_prefix_space=False, use_regex=True),
    "llama-bpe": split_by(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"),
    "qwen2": split_by(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"),
}


def by_hand(path):
    """The tokenizer with and without special tokens, and their spellings."""
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"

    def make():
        tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
        tokenizer.pre_tokenizer = PRE_TOKENIZERS["smollm"]
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer

    special = [token for token, kind in zip(tokens, kinds) if kind == CONTROL]
    tokenizer = make()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer, make(), special


def lengths(pre_tokenizer, text):
    """Bytes in each piece: in the byte-level alphabet, a character is a byte."""
    return [len(piece) for piece, _ in pre_tokenizer.pre_tokenize_str(text)]


def class_of(pre_tokenizer, character):
    """Whether it continues a word, white space or punctuation; the rest are numbers."""
    for name, prefix in (("letter", "a"), ("space", "\t"), ("other", "!")):
        if len(lengths(pre_tokenizer, prefix + character)) == 1:
            return name
    return "number"


def classes(pre_tokenizer):
    """Ranges of code points by class, "other" left out."""
    ranges = {"letter": [], "space": [], "number": []}
    for code in range(0x110000):
        if 0xD800 <= code <= 0xDFFF:
            continue
        name = class_of(pre_tokenizer, chr(code))
        if name == "other":
            continue
        if ranges[name] and ranges[name][-1][1] == code - 1:
            ranges[name][-1][1] = code
        else:
            ranges[name].append([code, code])
    return ranges


def class_lines():
    groups = []
    for name, pre_tokenizer in PRE_TOKENIZERS.items():
        ranges = classes(pre_tokenizer)
        same = next((group for group in groups if group["ranges"] == ranges), None)
        if same:
            same["pre"].append(name)
        else:
            groups.append({"kind": "classes", "pre": [name], "ranges": ranges})
    return groups


def text_line(text, tokenizer, plain):
    """What can be derived is left out: see the defaults in tokenizer_parity_test.cc."""
    line = {"kind": "text", "text": text, "ids": tokenizer.encode(text).ids}
    plain_ids = plain.encode(text).ids
    if plain_ids != line["ids"]:
        line["plain_ids"] = plain_ids
    for with_special, key in ((True, "decoded"), (False, "decoded_plain")):
        decoded = tokenizer.decode(line["ids"], skip_special_tokens=not with_special)
        if decoded != (text if with_special else line.get("decoded", text)):
            line[key] = decoded
    line["smollm"] = lengths(PRE_TOKENIZERS["smollm"], text)
    for name in ("gpt-2", "llama-bpe", "qwen2"):
        pieces = lengths(PRE_TOKENIZERS[name], text)
        if pieces != line["smollm"]:
            line[name] = pieces
    return line


def token_lines(tokenizer):
    """Token lists that no text would give: characters torn apart, specials between them."""
    rng = random.Random(3)
    size = tokenizer.get_vocab_size()
    torn = [i for i in range(size) if "\ufffd" in tokenizer.decode([i])]
    lines = []
    for _ in range(300):
        pools = [range(17), range(size), torn, torn, torn]
        ids = [rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 8))]
        lines.append({"kind": "tokens", "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                      "decoded_plain": tokenizer.decode(ids, skip_special_tokens=True)})
    return lines


def chat_line(turns, transformers_tokenizer):
    def render(conversation):
        messages = [{"role": role, "content": content} for role, content in conversation]
        return transformers_tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True,
                                                          return_dict=False)

    ids = render(turns)
    head = len(ids)
    users = [i for i, (role, _) in enumerate(turns) if role == "user"]
    if users:
        last = users[-1]
        other = list(turns)
        other[last] = ("user", "b" if turns[last][1].startswith("a") else "a")
        head = next(i for i, (x, y) in enumerate(zip(ids, render(other))) if x != y)
    return {"kind": "chat", "messages": turns, "ids": ids, "head_length": head}


def main(path):
    tokenizer, plain, special = by_hand(path)
    loaded = AutoTokenizer.from_pretrained(os.path.dirname(path), gguf_file=os.path.basename(path))
    all_texts = texts(special)
    unlike = sum(loaded.encode(text, add_special_tokens=False) != tokenizer.encode(text).ids for text in all_texts)
    loaded.backend_tokenizer.pre_tokenizer = PRE_TOKENIZERS["smollm"]

    lines = class_lines()
    for text in all_texts:
        lines.append(text_line(text, tokenizer, plain))
        assert loaded.encode(text, add_special_tokens=False) == lines[-1]["ids"], text
    lines += token_lines(tokenizer)
    lines += [chat_line(turns, loaded) for turns in chats()]

    out = pathlib.Path(__file__).parent / "testdata" / "tokenizer.jsonl"
    with out.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{len(all_texts)} texts, {len(lines)} lines, {out.stat().st_size} bytes; as loaded, with GPT-2's splits, "
          f"transformers gives other ids for {unlike} texts")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
