#!/usr/bin/env python3
"""Small seeded checkpoints of every family of models, written by transformers as Hugging Face folders.

Real in their geometry (width of a head, heads to a key head) and in every special feature, small in all the rest. Windows
are crossed by the prompts of make_family_goldens.py, RoPE scaling acts at their positions, soft caps bite, biases and norm
weights are no trivial ones. Equal on every machine.

usage: families.py OUT_FOLDER     writes OUT_FOLDER/<family> for every family
"""
import copy
import os
import sys
import zlib

import numpy as np
import torch
import transformers

VOCABULARY, FFN, WINDOW = 384, 192, 32
SHORT = [1.0 + 0.05 * i for i in range(48)]
LONG = [2.0 + 0.5 * i for i in range(48)]
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 128}
LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": SHORT, "long_factor": LONG}
SLIDING, FULL = "sliding_attention", "full_attention"
GEMMA3_ROPE = {SLIDING: {"rope_type": "default", "rope_theta": 10000.0},
               FULL: {"rope_type": "linear", "rope_theta": 1000000.0, "factor": 8.0}}


class Family:
    """`without`: by feature, what its absence changes in the configuration; the goldens' script proves that each is felt."""

    def __init__(self, kind, heads, kv_heads, head_dim, without, hidden=128, layers=2, logits=3.0, sharpness=1.5, **config):
        self.kind, self.without, self.logits, self.sharpness = kind, without, logits, sharpness
        self.config = dict(hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
                           intermediate_size=FFN, vocab_size=VOCABULARY, max_position_embeddings=2048, bos_token_id=1,
                           eos_token_id=2, pad_token_id=0)
        if head_dim * heads != hidden or kind in ("Gemma2", "Gemma3", "Qwen3"):
            self.config["head_dim"] = head_dim
        self.config.update(config)

    def make_config(self, changes=()):
        name = self.kind + ("TextConfig" if self.kind == "Gemma3" else "Config")
        return getattr(transformers, name)(**copy.deepcopy({**self.config, **dict(changes)}))

    def make(self, name, changes=()):
        """The model in f32; with other switches but the same weights where `changes` says so."""
        model = getattr(transformers, self.kind + "ForCausalLM")._from_config(
            self.make_config(changes), dtype=torch.float32, attn_implementation="eager")
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                parameter.copy_(torch.from_numpy(self.values(name, key, parameter.shape)))
        return model.eval()

    def values(self, name, key, shape):
        # By name, so that no weight depends on the order of the others; numpy's generator, whose numbers are the same everywhere.
        normal = np.random.default_rng(zlib.crc32(f"{name} {key}".encode())).standard_normal(shape)
        gemma = self.kind.startswith("Gemma")
        if key.endswith("bias"):
            values = 0.5 * normal
        elif "norm" in key:
            values = 0.3 * normal + (0 if gemma else 1)
            # Gemma's stream begins at sqrt(hidden) times the embedding: what the blocks add must not drown in it.
            if gemma and ("post_attention" in key or "post_feedforward" in key):
                values += 3
        elif "embed_tokens" in key or "lm_head" in key:
            values = self.logits / np.sqrt(self.config["hidden_size"]) * normal
        elif "q_proj" in key or "k_proj" in key:
            values = self.sharpness / np.sqrt(shape[-1]) * normal
        else:
            values = 1.5 / np.sqrt(shape[-1]) * normal
        return values.astype(np.float32)


DEFAULT_ROPE = {"rope_type": "default", "rope_theta": 10000.0}
FAMILIES = {
    # Llama 2: as many key heads as heads, a head of its own.
    "llama": Family("Llama", 4, 4, 128, {}, tie_word_embeddings=False, rope_parameters=DEFAULT_ROPE),
    "llama_linear": Family("Llama", 4, 4, 64, {"scaling": {"rope_parameters": DEFAULT_ROPE}}, tie_word_embeddings=False,
                           rope_parameters={**DEFAULT_ROPE, "rope_type": "linear", "factor": 4.0}, attention_bias=True,
                           mlp_bias=True),
    # Llama 3.1 and 3.2: scaled by wave length.
    "llama3": Family("Llama", 4, 1, 128, {"scaling": {"rope_parameters": {**DEFAULT_ROPE, "rope_theta": 500000.0}}},
                     tie_word_embeddings=True, rope_parameters=LLAMA3),
    "mistral": Family("Mistral", 4, 1, 128, {"window": {"sliding_window": None}}, tie_word_embeddings=False,
                      sliding_window=WINDOW, rope_parameters=DEFAULT_ROPE),
    # Qwen2.5-0.5B's seven heads to a key head; biases at q, k and v.
    "qwen2": Family("Qwen2", 7, 1, 64, {}, hidden=448, tie_word_embeddings=True, use_sliding_window=False,
                    rope_parameters={**DEFAULT_ROPE, "rope_theta": 1000000.0}),
    "qwen3": Family("Qwen3", 4, 2, 128, {}, tie_word_embeddings=True,
                    rope_parameters={**DEFAULT_ROPE, "rope_theta": 1000000.0}),
    # Gemma-2-27B's heads, whose scale is not that of their width.
    "gemma2": Family("Gemma2", 4, 2, 128,
                     {"attention cap": {"attn_logit_softcapping": None}, "final cap": {"final_logit_softcapping": None},
                      "window": {"layer_types": [FULL] * 4}, "scale": {"query_pre_attn_scalar": 128}},
                     layers=4, logits=17.0, sharpness=5.0, query_pre_attn_scalar=144, sliding_window=WINDOW,
                     rope_parameters=DEFAULT_ROPE),
    "gemma3": Family("Gemma3", 4, 1, 256,
                     {"window": {"layer_types": [FULL] * 4},
                      "local base": {"rope_parameters": {**GEMMA3_ROPE, SLIDING: {**GEMMA3_ROPE[SLIDING], "rope_theta": 1e6}}},
                      "scaling": {"rope_parameters": {**GEMMA3_ROPE, FULL: {"rope_type": "default", "rope_theta": 1e6}}}},
                     layers=4, query_pre_attn_scalar=168, sliding_window=WINDOW, layer_types=[SLIDING, SLIDING, FULL, SLIDING],
                     rope_parameters=GEMMA3_ROPE),
    # Every fourth layer does not turn.
    "smollm3": Family("SmolLM3", 4, 1, 128, {"layers without RoPE": {"no_rope_layers": [1] * 4}}, hidden=512, layers=4,
                      tie_word_embeddings=True, rope_parameters={**DEFAULT_ROPE, "rope_theta": 5000000.0}),
    # Phi-3-mini: fused projections, a window, LongRoPE. The prompts stay within what its short factors are for.
    "phi3": Family("Phi3", 2, 2, 96,
                   {"window": {"sliding_window": None}, "scaling": {"rope_parameters": DEFAULT_ROPE}}, hidden=192,
                   tie_word_embeddings=False, sliding_window=WINDOW, original_max_position_embeddings=512,
                   rope_parameters=LONGROPE),
    # Phi-4-mini: three quarters of each head turn.
    "phi3_partial": Family("Phi3", 3, 1, 128,
                           {"partial": {"rope_parameters": {**DEFAULT_ROPE, "partial_rotary_factor": 1.0}}}, hidden=384,
                           tie_word_embeddings=True, sliding_window=None,
                           rope_parameters={**DEFAULT_ROPE, "partial_rotary_factor": 0.75}),
}


def main():
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    for name, family in FAMILIES.items():
        family.make(name).save_pretrained(os.path.join(sys.argv[1], name))


if __name__ == "__main__":
    main()
