"""What is measured: the report's cells, and a small set that checks the machinery."""

# Raise when what a cell's files hold, or the numbers in them, would be others for the same spec.
SIGNAL_SCHEMA = "signal/1"
CURVE_SCHEMA = "curve/2"  # 2: a vector's unit has the mean of tokens' norms, not the norm of answers' means

# The paper's numbers for Gemma, LoRA, Psychopathy, but for two: LoRA's rate, of which 0.01 does nothing here in 20 steps,
# and the steps, 250 or 124 there.
LORA = {"kind": "lora", "rank": 4, "learning_rate": 0.05}
LOCAL_WEIGHT = {"kind": "local_weight", "learning_rate": 0.01}
SFT = {"objective": "sft"}
SPLIT = {"objective": "split", "lambda_p": 1.0, "lambda_n": 0.5, "gamma": 5.0, "theta": 0.4}
TRAINED = {"batch": 4, "seed": 42, "clip": 1.0, "layer": None,
           "factors": [0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0]}

# Form and method as the paper's tables name them; a learner without "objective" is the server's own.
SIGNALS = [
    {"form": "vector", "method": "DiffMean", "learner": {"kind": "vector", "name": "difference_of_means"}},
    {"form": "LoRA", "method": "SFT", "learner": {**TRAINED, **LORA, **SFT}},
    {"form": "weight", "method": "SFT", "learner": {**TRAINED, **LOCAL_WEIGHT, **SFT}},
    {"form": "LoRA", "method": "SPLIT", "learner": {**TRAINED, **LORA, **SPLIT}},
    {"form": "weight", "method": "SPLIT", "learner": {**TRAINED, **LOCAL_WEIGHT, **SPLIT}},
]

FULL = {
    # Rows of the files. Held-out rows are not trained on.
    "data": {"psychopathy": {"train": [0, 200], "held_out": [200, 248], "steps": 200},
             "power_seeking": {"train": [0, 136], "held_out": [136, 184], "steps": 80}},
    # Those that the paper's tables of fits have; SPLIT has no rows in them.
    "signals": [signal for signal in SIGNALS if signal["method"] != "SPLIT"],
    # 12 multipliers a side and 0, denser near 0: outermost * (k / 12)^2. A vector's are in units of |h| / |v|.
    "outermost": {"vector": 4.0, "lora": 12.0, "local_weight": 8.0},
    "multipliers_per_side": 12,
    "resamples": 200,
    "max_utility_loss": 0.5,
}

SMALL = {
    **FULL,
    "data": {"psychopathy": {"train": [0, 4], "held_out": [200, 204], "steps": 3}},
    "signals": SIGNALS[:4],
    "multipliers_per_side": 6,
    "resamples": 20,
}


def multipliers(outermost, per_side):
    """Ascending, 0 in the middle, closer towards it."""
    side = [outermost * (k / per_side) ** 2 for k in range(1, per_side + 1)]
    return [-m for m in reversed(side)] + [0.0] + side
