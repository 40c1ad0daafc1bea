"""Writes testdata/spm.jsonl: small SentencePiece models and what that library makes of many texts with them.

    python3 make_spm_goldens.py          (needs `pip install sentencepiece`, which no test does)

A line per model: "name", "tokens", "scores", "kinds" as GGUF numbers them, "add_space_prefix"; then a line per text with the
"model", "text", "ids", and "decoded" where that differs from the text.
"""

import io
import json
import pathlib

import sentencepiece

from tokenizer_texts import CODE, LANGUAGES, texts

SPACE = "\u2581"
USER = ["\n", "\n\n", "\n\n\n", SPACE * 2, SPACE * 3, SPACE * 4, SPACE * 8, "<table>", "<b>"]


def train(prefix, user):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LANGUAGES + CODE), model_writer=model, model_type="bpe", vocab_size=1200, byte_fallback=True,
        character_coverage=0.98, normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=prefix,
        split_digits=True, user_defined_symbols=user, minloglevel=2)
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def kind(model, i, user):
    tests = ((model.is_unknown, 2), (model.is_control, 3), (model.is_byte, 6), (model.is_unused, 5))
    return next((number for test, number in tests if test(i)), 4 if model.id_to_piece(i) in user else 1)


def spelling(model, i, user):
    """As converters to GGUF write it: a user-defined space is one."""
    piece = model.id_to_piece(i)
    return piece.replace(SPACE, " ") if piece in user else piece


def lines(name, prefix, user):
    model = train(prefix, user)
    size = model.get_piece_size()
    yield {"name": name, "add_space_prefix": prefix, "tokens": [spelling(model, i, user) for i in range(size)],
           "scores": [model.get_score(i) for i in range(size)], "kinds": [kind(model, i, user) for i in range(size)]}
    for text in texts([piece.replace(SPACE, " ") for piece in USER])[::8]:
        ids = model.encode(text)
        line = {"model": name, "text": text, "ids": ids}
        decoded = model.decode(ids)
        if decoded != text:
            line["decoded"] = decoded
        yield line


if __name__ == "__main__":
    out = pathlib.Path(__file__).parent / "testdata" / "spm.jsonl"
    with out.open("w", encoding="utf-8") as file:
        for arguments in (("llama", True, []), ("gemma", False, USER)):
            for line in lines(*arguments):
                file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(out.stat().st_size, "bytes")
