#!/usr/bin/env python3
"""Saves a GGUF file as transformers reads it: a Hugging Face folder in f32, tokenizer included.

usage: make_default_folder.py MODEL.gguf OUT_FOLDER
"""
import copy
import os
import sys

import torch
import transformers


def main():
    transformers.utils.logging.disable_progress_bar()
    folder, name = os.path.split(os.path.abspath(sys.argv[1]))
    transformers.AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(sys.argv[2])
    read = transformers.AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    # What was read from a GGUF file refuses to be saved; a model of the same weights does not.
    config = copy.deepcopy(read.config)
    for trace in ("quantization_config", "_model_name_or_path"):
        if hasattr(config, trace):
            delattr(config, trace)
    plain = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(read.state_dict())
    plain.save_pretrained(sys.argv[2])



if __name__ == "__main__":
    main()
