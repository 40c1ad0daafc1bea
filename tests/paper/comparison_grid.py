"""What the comparison of methods measures, and a small set that checks the machinery."""

# Raise when a cell's content, or the numbers in it, would be others for the same spec.
NORM_SCHEMA = "norm/1"
ANSWERS_SCHEMA = "answers/1"
LEARNED_SCHEMA = "learned/1"
TRADE_SCHEMA = "trade/1"

METHODS = {"difference_of_means": "DiffMean", "sft": "SFT", "reps": "RePS", "split": "SPLIT"}
CARRIERS = {"vector": "vector", "lora": "LoRA", "local_weight": "local weight"}
TRAINED = ["sft", "reps", "split"]

# Of the methods' settings the paper's most frequent values, the same everywhere.
SETTINGS = {
    "sft": {},
    "reps": {"beta": 1, "kappa": 1},
    "split": {"lambda_p": 1, "lambda_n": 0.5, "gamma": 5, "theta": 0.4},
}
# Factors as published. `travel` says how fast: a weight's learning rate times the steps (published: 0.01 times 250, at most);
# a vector's times steps, mean factor and the root of the width, in units of |h|, so that it means the same for
# every model.
CARRIER_SETTINGS = {
    "vector": {"factors": [2, 4, 6, 8, 10, 12, 14, 16, 18, 20], "travel": 24.0},
    "lora": {"factors": [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0], "travel": 2.5, "rank": 4},
    "local_weight": {"factors": [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0], "travel": 2.5},
}

FULL = {
    # In this order, so that a stop leaves whole comparisons: (model, data sets, seeds).
    "blocks": [("default", ["power_seeking", "psychopathy"], [1]),
               ("default", ["power_seeking", "psychopathy"], [2, 3]),
               ("other", ["power_seeking", "psychopathy"], [1, 2, 3]),
               ("default", ["axbench_2", "axbench_3", "axbench_4"], [1])],
    # File and rows.
    "data": {"power_seeking": {"train": ["power_seeking_train", [0, 120]], "held_out": ["power_seeking", [0, 40]]},
             "psychopathy": {"train": ["psychopathy", [0, 120]], "held_out": ["psychopathy", [200, 240]]},
             "axbench_2": {"train": ["axbench_2", [0, 48]], "held_out": ["axbench_2", [48, 72]]},
             "axbench_3": {"train": ["axbench_3", [0, 48]], "held_out": ["axbench_3", [48, 72]]},
             "axbench_4": {"train": ["axbench_4", [0, 48]], "held_out": ["axbench_4", [48, 72]]}},
    "carriers": {"vector": ["difference_of_means", *TRAINED], "lora": TRAINED, "local_weight": TRAINED},
    "steps": 60, "batch": 4,
    # Of the training pairs, which a seed draws for a method in which chance decides nothing else.
    "subset": 0.75,
    # Plain answers end after so many tokens; then both answers of a pair after so many words.
    "answers": {"max_tokens": 80, "words": 40},
    # First `probe` training pairs at 2^low .. 2^high units, up to a mean loss of `reach` nats; then so many multipliers up to
    # there, closer towards 0. A vector's unit is |h| / |v|, a weight's 1.
    "probe": {"pairs": 8, "reach": 1.5, "vector": [-5, 3], "lora": [-3, 5], "local_weight": [-3, 5]},
    "multipliers": 10,
    "budgets": [0.1, 0.25, 0.5, 1.0],
    "shares": [0.25, 0.5, 0.75],
    "resamples": 1000,
    # Faster and slower training, judged on training pairs.
    "pilot": {"model": "default", "data": "power_seeking", "seed": 0, "pairs": 16, "budget": 0.5, "methods": TRAINED,
              "travels": {"vector": [8.0, 24.0, 72.0], "lora": [2.5, 10.0], "local_weight": [2.5, 10.0]}},
}

SMALL = {
    **FULL,
    "blocks": [("default", ["psychopathy"], [1, 2]), ("default", ["axbench_2"], [1])],
    "data": {"psychopathy": {"train": ["psychopathy", [0, 8]], "held_out": ["psychopathy", [200, 206]]},
             "axbench_2": {"train": ["axbench_2", [0, 4]], "held_out": ["axbench_2", [48, 52]]}},
    "carriers": {"vector": ["difference_of_means", "sft", "split"], "lora": ["reps", "split"]},
    "steps": 3, "answers": {"max_tokens": 8, "words": 6},
    "probe": {"pairs": 2, "reach": 1.5, "vector": [-1, 1], "lora": [0, 2]},
    "multipliers": 4, "resamples": 50,
    "pilot": {**FULL["pilot"], "data": "psychopathy", "pairs": 4, "methods": ["split"], "travels": {"lora": [2.5]}},
}


def multipliers(outermost, count):
    """0 and `count` above it, closer towards 0."""
    return [outermost * (k / count) ** 2 for k in range(count + 1)]
