"""Makes small tokenizers as the model families configure theirs, and what the reference makes of many texts with them.

    python3 make_tokenizer_families.py FOLDER [--few]

Hugging Face's `tokenizers` trains each one on the texts of tokenizer_texts.py, with the normalizer, pre-tokenizer, model
options, added tokens, post-processor and decoder of the family's own tokenizer.json: what is compared is the algorithm. With
--few, one text in twelve, as it lies in testdata/tokenizers.
FOLDER/<family>/ then has tokenizer.json, config.json and goldens.jsonl, a JSON object per text: "text", "ids", and where they
differ "plain_ids" (without the special tokens), "decoded" (for the text) and "decoded_plain".
"""

import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tokenizer_texts import CODE, LANGUAGES, texts

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*"
          r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT4O = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{ENDING}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{ENDING}"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SPACE = "\u2581"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def special(*spellings, **options):
    return [AddedToken(spelling, special=True, **{"normalized": False, **options}) for spelling in spellings]


def text_tokens(*spellings, **options):
    return [AddedToken(spelling, special=False, **{"normalized": False, **options}) for spelling in spellings]


def byte_level(pattern=None, prefix=False, first=()):
    parts = list(first)
    if pattern:
        parts.append(pre_tokenizers.Split(Regex(pattern), "isolated"))
    parts.append(pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=pattern is None))
    return parts[0] if len(parts) == 1 else pre_tokenizers.Sequence(parts)


def starts_with(tokenizer, spelling):
    return processors.TemplateProcessing(single=f"{spelling} $A", special_tokens=[(spelling, tokenizer.token_to_id(spelling))])


def train_bytes(pre_tokenizer, added, normalizer=None, bos=None, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
                                  show_progress=False)
    tokenizer.train_from_iterator(LANGUAGES + CODE, trainer)
    tokenizer.add_tokens(added)
    byte_trimming = processors.ByteLevel(trim_offsets=False)
    tokenizer.post_processor = processors.Sequence([byte_trimming, starts_with(tokenizer, bos)]) if bos else byte_trimming
    return tokenizer


def llama_decoder(strip=True):
    parts = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(parts + [decoders.Strip(" ", 1, 0)] * strip)


PREPEND = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])


def train_characters(added, normalizer=None, pre_tokenizer=None, decoder=None, bos="<s>", words=(), byte_fallback=True,
                     fuse_unk=True):
    """As SentencePiece: characters, with bytes for rare ones; `words` are further tokens with merges to them."""
    trained = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=byte_fallback, fuse_unk=fuse_unk))
    trained.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, prepend_scheme="always", split=True)
    reserved = ["<unk>", "<s>", "</s>"] + BYTES * byte_fallback
    trained.train_from_iterator(LANGUAGES + CODE, trainers.BpeTrainer(
        vocab_size=len(reserved) + 450, special_tokens=reserved, limit_alphabet=150, show_progress=False))
    model = json.loads(trained.to_str())["model"]
    vocab, merges = model["vocab"], [tuple(merge) for merge in model["merges"]]
    for word in words:
        vocab.setdefault(word, len(vocab))
        if len(word) > 1:
            merges.insert(0, (word[: len(word) // 2], word[len(word) // 2:]))
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=byte_fallback, fuse_unk=fuse_unk))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder or llama_decoder()
    tokenizer.add_tokens(added)
    if bos:
        tokenizer.post_processor = starts_with(tokenizer, bos)
    return tokenizer


def metaspace(scheme, split):
    return pre_tokenizers.Metaspace(SPACE, prepend_scheme=scheme, split=split)


LLAMA2 = special("<unk>", "<s>", "</s>")
CHATML = special("<|endoftext|>", "<|im_start|>", "<|im_end|>")

FAMILIES = {
    "llama3": lambda: train_bytes(byte_level(LLAMA3), special("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"),
                                  bos="<|begin_of_text|>", ignore_merges=True),
    "qwen2": lambda: train_bytes(byte_level(QWEN2), CHATML + text_tokens("<think>", "</think>", "<tool_call>"),
                                 normalizers.NFC()),
    "smollm2": lambda: train_bytes(byte_level(first=[pre_tokenizers.Digits(individual_digits=True)]), CHATML),
    "smollm3": lambda: train_bytes(byte_level(LLAMA3), CHATML + text_tokens("<think>", "</think>")),
    "gpt2": lambda: train_bytes(byte_level(), special("<|endoftext|>", normalized=True)),
    "tekken": lambda: train_bytes(byte_level(TEKKEN), special("<s>", "</s>", "[INST]", "[/INST]"), bos="<s>",
                                  ignore_merges=True),
    "gpt4o": lambda: train_bytes(byte_level(GPT4O), CHATML),
    "phi4": lambda: train_bytes(byte_level(LLAMA3), special("<|endoftext|>")
                                + special("<|im_start|>", "<|im_sep|>", "<|im_end|>", lstrip=True, rstrip=True)),
    "llama2": lambda: train_characters(LLAMA2, PREPEND),
    "llama2_old": lambda: train_characters(special("<unk>", "<s>", "</s>", normalized=True), PREPEND),
    "llama2_metaspace": lambda: train_characters(LLAMA2, pre_tokenizer=metaspace("first", False)),
    "mistral": lambda: train_characters(LLAMA2 + special("[INST]", "[/INST]"), pre_tokenizer=metaspace("first", False)),
    "phi3": lambda: train_characters(
        special("<unk>", "<s>", "<|endoftext|>") + text_tokens("</s>", rstrip=True)
        + special("<|user|>", "<|assistant|>", "<|end|>", rstrip=True), PREPEND),
    "gemma": lambda: train_characters(
        special("<unk>", "<s>", "</s>", "<start_of_turn>", "<end_of_turn>")
        + text_tokens("\n", "\n\n", "\n\n\n", SPACE * 2, SPACE * 3, SPACE * 4, "<table>", "<b>"),
        normalizers.Replace(" ", SPACE), pre_tokenizers.Split(" ", "merged_with_previous"), llama_decoder(False),
        words=["\n", "\n\n", "\n\n\n\n", SPACE * 2, SPACE * 4]),
    # No family has these; they are what the parts can be told.
    "metaspace_decoder": lambda: train_characters(LLAMA2, pre_tokenizer=metaspace("always", True),
                                                  decoder=decoders.Metaspace(SPACE, "always", True)),
    "no_bytes": lambda: train_characters(LLAMA2, PREPEND, byte_fallback=False),
    "no_bytes_unfused": lambda: train_characters(LLAMA2, PREPEND, byte_fallback=False, fuse_unk=False),
    "inner_spaces": lambda: train_characters(LLAMA2, PREPEND, words=["e" + SPACE, "s" + SPACE, SPACE * 2]),
    "nfd": lambda: train_bytes(byte_level(GPT2), CHATML, normalizers.NFD()),
    "nfkc": lambda: train_bytes(byte_level(GPT2), CHATML + text_tokens("fi", "1/2", normalized=True),
                                normalizers.Sequence([normalizers.NFKC(), normalizers.Strip()])),
    "nfkd": lambda: train_bytes(byte_level(GPT2), special("<|im_start|>", "\ufb01", normalized=True), normalizers.Sequence(
        [normalizers.NFKD(), normalizers.Replace(Regex(r"\s{2,}"), " "), normalizers.Replace("a", "bb")])),
    "prefix": lambda: train_bytes(byte_level(prefix=True, first=[
        pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Split("-", "merged_with_next"),
        pre_tokenizers.Split(Regex(r"[\n\r]"), "contiguous")]),
        text_tokens("word", "die", single_word=True) + text_tokens("the", lstrip=True) + text_tokens(".", rstrip=True)),
    "behaviors": lambda: train_bytes(byte_level(GPT2, first=[
        pre_tokenizers.Split(Regex(r"\t"), "removed"), pre_tokenizers.Split(Regex(r"[.,;!?]"), "merged_with_previous"),
        pre_tokenizers.Split(Regex(r"\p{Lu}"), "merged_with_next"),
        pre_tokenizers.Split(Regex(r"[^\p{P}\p{S}]+"), "isolated", invert=True)]), CHATML),
}


def is_turn_markup(token):
    content = token["content"]
    return token["special"] or content.startswith("<|") and content.endswith("|>") or content == "</s>"


def without_special(tokenizer):
    described = json.loads(tokenizer.to_str())
    described["added_tokens"] = [token for token in described["added_tokens"] if not is_turn_markup(token)]
    described["post_processor"] = None
    # Those that only added_tokens named would leave a hole that the others move into.
    known = set(described["model"]["vocab"])
    ids = {token["content"]: token["id"] for token in described["added_tokens"]}
    for content, number in ids.items():
        if content not in known:
            described["model"]["vocab"][content] = number
    return Tokenizer.from_str(json.dumps(described))


def decoder_of(tokenizer):
    """Version 0.23 spells added tokens that it looks for in normalized text as it looks for them, and then does not know that
    they are special; what they are called is what the file says."""
    described = json.loads(tokenizer.to_str())
    for token in described["added_tokens"]:
        token["normalized"] = False
    return Tokenizer.from_str(json.dumps(described))


def mixed(spellings):
    """Texts around the family's own added tokens."""
    rng = random.Random(29)
    around = ["", " ", "  ", "\n", "\n\n", "a", "1", "word", " word ", "é", "\u00a0", "e\u0301", SPACE, "<", "|>", "the", "\t",
              "字", "😀", "\u1100\u1161", "ﬁ", "."]
    for spelling in spellings:
        for left, right in ((" ", " "), ("\n", "\n"), ("a", "a"), ("\u3000 ", " \u2003x"), ("", "\u0338")):
            yield left + spelling + right
    for _ in range(200):
        yield "".join(rng.choice(around if rng.random() < 0.6 else spellings) for _ in range(rng.randint(2, 9)))


NORMAL_FORMS = ["e\u0301 é", "A\u030a Å \u212b", "\u1100\u1161\u11a8 각 가\u11a8", "ﬁ ﬀ ﬃ", "x\u0323\u0307 x\u0307\u0323", "½ ² ⅷ", "ｱﾞ ガ",
                "\u0344", "\u2126 Ω", "q\u0307\u0323", "a\u0315\u0300\u05ae\u0062", "\u0958 \u0f43", "≯ >\u0338", "\ufdfa", "\u3000\u00a0\u2003",
                "\U0001d15e \U0002f800", "\u0300 alone", "e\u0301" * 40, "ﷺ ㌀ ﾊﾟ", "ḍ̇ ḍ̇", "\u00c5\u0327", "한국어 텍스트", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢"]


def golden(text, tokenizer, plain, decoder):
    line = {"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}
    plain_ids = plain.encode(text, add_special_tokens=False).ids
    if plain_ids != line["ids"]:
        line["plain_ids"] = plain_ids
    for key, skip, otherwise in (("decoded", False, lambda: text), ("decoded_plain", True, lambda: line.get("decoded", text))):
        decoded = decoder.decode(line["ids"], skip_special_tokens=skip)
        if decoded != otherwise():
            line[key] = decoded
    return line


def write_json(path, content):
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def make(name, folder, few):
    tokenizer = FAMILIES[name]()
    described = json.loads(tokenizer.to_str())
    spellings = [token["content"] for token in described["added_tokens"]]
    plain, decoder = without_special(tokenizer), decoder_of(tokenizer)
    chosen = NORMAL_FORMS + list(mixed(spellings)) + texts(spellings)
    if few:
        chosen = chosen[: len(NORMAL_FORMS)] + chosen[len(NORMAL_FORMS)::24]
    folder.mkdir(parents=True, exist_ok=True)
    if name == "gpt2":  # as files were written for long
        described["model"]["merges"] = [" ".join(merge) for merge in described["model"]["merges"]]
    write_json(folder / "tokenizer.json", described)
    write_json(folder / "config.json", {"eos_token_id": 2})
    with (folder / "goldens.jsonl").open("w", encoding="utf-8") as file:
        for text in dict.fromkeys(chosen):
            file.write(json.dumps(golden(text, tokenizer, plain, decoder), ensure_ascii=False, separators=(",", ":")) + "\n")
    return len(set(chosen))


def main(folder, few):
    counts = {name: make(name, pathlib.Path(folder) / name, few) for name in FAMILIES}
    print(f"{len(counts)} families, {sum(counts.values())} texts")


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--few"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    main(arguments[0], "--few" in sys.argv)
