"""What the comparison of methods measures, and a small set that checks the machinery."""

# Raise when a cell's content, or the numbers in it, would be others for the same spec.
NORM_SCHEMA = "norm/1"
ANSWERS_SCHEMA = "answers/1"
LEARNED_SCHEMA = "learned/1"
TRADE_SCHEMA = "trade/1"

DTYPE = "bf16"  # of the model, as in the paper's code

METHODS = {"difference_of_means": "DiffMean", "sft": "SFT", "reps": "RePS", "split": "SPLIT"}
CARRIERS = {"vector": "vector", "lora": "LoRA", "local_weight": "local weight"}
TRAINED = ["sft", "reps", "split"]

# Of the methods' settings the paper's most frequent values, the same everywhere.
SETTINGS = {
    "sft": {},
    "reps": {"beta": 1, "kappa": 1},
    "split": {"lambda_p": 1, "lambda_n": 0.5, "gamma": 5, "theta": 0.4},
}
# As published.
WEIGHT_FACTORS = [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0]
CARRIER_SETTINGS = {
    "vector": {"factors": [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]},
    "lora": {"factors": WEIGHT_FACTORS, "rank": 4},
    "local_weight": {"factors": WEIGHT_FACTORS},
}

FULL = {
    # In this order, so that a stop leaves whole comparisons: (model, data sets, seeds).
    "blocks": [("default", ["power_seeking", "psychopathy"], [1]),
               ("default", ["power_seeking", "psychopathy"], [2]),
               ("other", ["power_seeking", "psychopathy"], [1]),
               ("default", ["power_seeking", "psychopathy"], [3]),
               ("other", ["power_seeking", "psychopathy"], [2, 3]),
               ("default", ["axbench_2", "axbench_3", "axbench_4"], [1])],
    # File and rows; PowerSeeking: of the rows of at most so many characters, for time's sake.
    "data": {"power_seeking": {"train": ["power_seeking_train", [0, 40], 240], "held_out": ["power_seeking", [0, 32], 240]},
             "psychopathy": {"train": ["psychopathy", [0, 40]], "held_out": ["psychopathy", [200, 232]]},
             "axbench_2": {"train": ["axbench_2", [0, 40]], "held_out": ["axbench_2", [48, 72]]},
             "axbench_3": {"train": ["axbench_3", [0, 40]], "held_out": ["axbench_3", [48, 72]]},
             "axbench_4": {"train": ["axbench_4", [0, 40]], "held_out": ["axbench_4", [48, 72]]}},
    "carriers": {"vector": ["difference_of_means", *TRAINED], "lora": TRAINED, "local_weight": TRAINED},
    "steps": 64, "batch": 2,
    # Of the training pairs, which a seed draws for a method in which chance decides nothing else.
    "subset": 0.75,
    # Plain answers end after so many tokens; then both answers of a pair after so many words.
    "answers": {"max_tokens": 64, "words": 32},
    # First `probe` training pairs at 2^low .. 2^high units, up to a mean loss of `reach` nats; then so many multipliers up to
    # there, closer towards 0. A vector's unit is |h| / |v|, a weight's 1.
    "probe": {"pairs": 4, "reach": 1.5, "vector": [-4, 2], "lora": [-1, 5], "local_weight": [-1, 5]},
    "multipliers": 7,
    "budgets": [0.1, 0.25, 0.5, 1.0],
    "shares": [0.25, 0.5, 0.75],
    "resamples": 1000,
    # How fast to train, judged on training pairs. A travel is how far the optimiser can carry a parameter: the learning rate times
    # the steps (published for weights: 0.01 times 250, at most); for a vector, times mean factor and root of the width
    # too, in units of |h|.
    "pilot": {"data": "psychopathy", "seed": 1, "steps": 40, "pairs": 8, "budget": 0.5, "methods": TRAINED,
              "travels": {"default": {"vector": [2.0, 6.0], "lora": [0.5, 2.0, 8.0], "local_weight": [0.1, 0.4, 1.6]},
                          "other": {"vector": [2.0, 6.0], "lora": [2.0, 16.0], "local_weight": [0.4, 3.2]}}},
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
    "pilot": {**FULL["pilot"], "steps": 2, "pairs": 4, "methods": ["split"], "travels": {"default": {"vector": [2.0], "lora": [0.5, 2.0]}}},
}


def multipliers(outermost, count):
    """0 and `count` above it, closer towards 0."""
    return [outermost * (k / count) ** 2 for k in range(count + 1)]
