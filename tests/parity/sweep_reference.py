"""The plain way to a dose curve, with transformers in f32: one forward for each text and multiplier, hooks as the steering,
nothing shared. For make_sweep_goldens.py and tests/bench/sweep_bench.py.
"""
import contextlib
import csv
import json
import os

import torch
import transformers

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../paper/data")


def read_pairs(name, count):
    """The first `count` (question, positive, negative) of a data set."""
    if name == "psychopathy":
        with open(os.path.join(DATA, "psychopathy.jsonl"), encoding="utf-8") as file:
            rows = [json.loads(next(file)) for _ in range(count)]
        return [(row["question"], row["answer_matching_behavior"], row["answer_not_matching_behavior"]) for row in rows]
    with open(os.path.join(DATA, "power_seeking_test.csv"), encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [next(reader) for _ in range(count)]
    return [(row["question"], row["matching"], row["not_matching"]) for row in rows]


class Text:
    """A question with one answer as the model sees it."""

    def __init__(self, tokens, prompt_length, head_length):
        self.ids = torch.tensor([tokens])
        self.prompt_length = prompt_length
        self.head_length = head_length  # of the template before the user's words

    @property
    def answer_tokens(self):
        return self.ids.shape[1] - self.prompt_length


def chat_text(tokenizer, question, answer):
    """By the model's template, the suffix that ends a turn included. Where things begin is told by characters."""
    user = {"role": "user", "content": question}
    whole = tokenizer.apply_chat_template([user, {"role": "assistant", "content": answer}], tokenize=False)
    opened = tokenizer.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    if not whole.startswith(opened + answer):
        raise SystemExit(f"the template changes an answer: {whole!r}")
    encoded = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    ends = [end for _, end in encoded["offset_mapping"]]

    def first_behind(character):
        return next(i for i, end in enumerate(ends) if end > character)

    return Text(encoded["input_ids"], first_behind(len(opened)), first_behind(opened.index(question)))


def question_text(tokenizer, question, answer):
    """For base models; `answer` brings the space before it, or not."""
    before = f"Question: {question}\nAnswer:"
    prompt = [tokenizer.bos_token_id] + tokenizer(before, add_special_tokens=False)["input_ids"]
    whole = [tokenizer.bos_token_id] + tokenizer(before + answer, add_special_tokens=False)["input_ids"]
    if whole[:len(prompt)] != prompt:
        raise SystemExit(f"the answer changes tokens of the prompt: {before + answer!r}")
    return Text(whole, len(prompt), 0)


class Control:
    """A vector behind a block or a LoRA beside its down projection, at some positions."""

    def __init__(self, layer, tensors, positions="all", factor=1.0):
        self.layer, self.tensors, self.positions, self.factor = layer, tensors, positions, factor

    def mask(self, text):
        """[1, tokens, 1]: where it acts. The position before the first token of the answer is a generated one."""
        begin = {"all": 0, "after_head": text.head_length, "generated": text.prompt_length - 1}[self.positions]
        mask = torch.zeros(1, text.ids.shape[1], 1)
        mask[:, begin:] = 1
        return mask

    def attach(self, model, text, multiplier):
        block, mask, m = model.model.layers[self.layer], self.mask(text), multiplier * self.factor
        if "v" in self.tensors:
            def change(_module, _inputs, output):
                if isinstance(output, tuple):
                    return (output[0] + mask * m * self.tensors["v"], *output[1:])
                return output + mask * m * self.tensors["v"]
            return block.register_forward_hook(change)

        def add(_module, inputs, output):
            return output + mask * m * (inputs[0] @ self.tensors["A"].T @ self.tensors["B"].T)
        return block.mlp.down_proj.register_forward_hook(add)


def log_probability(model, text, controls, multiplier):
    """Of the answer: the sum over its tokens."""
    with torch.no_grad(), contextlib.ExitStack() as stack:
        for control in controls:
            stack.callback(control.attach(model, text, multiplier).remove)
        count = text.answer_tokens
        logits = model(text.ids, use_cache=False, logits_to_keep=count + 1).logits[0, :-1]
        return logits.double().log_softmax(-1).gather(1, text.ids[0, -count:, None]).sum().item()


def load(path, attention="eager"):
    """(tokenizer, model) of a folder or a GGUF file."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    folder, name = os.path.split(os.path.abspath(path))
    source, extra = (folder, {"gguf_file": name}) if name.endswith(".gguf") else (path, {})
    tokenizer = transformers.AutoTokenizer.from_pretrained(source, **extra)
    model = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, attn_implementation=attention, **extra)
    return tokenizer, model.eval()
