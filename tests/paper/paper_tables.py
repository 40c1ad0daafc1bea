"""R-squared of the curve fits as arXiv 2602.02343 prints them.

(form, method, data set) -> (of Gemma-2-9B-IT, of Qwen2.5-7B-Instruct)
SPLIT has no rows in its tables. Table 2 is fitted and scored on one set of pairs, Table 6 likewise on test pairs.
"""

PREFERENCE_2 = {
    ("vector", "DiffMean", "psychopathy"): (0.97, 0.98), ("vector", "DiffMean", "power_seeking"): (0.99, 0.95),
    ("LoRA", "SFT", "psychopathy"): (0.92, 0.97), ("LoRA", "SFT", "power_seeking"): (0.99, 0.99),
    ("weight", "SFT", "psychopathy"): (0.97, 0.99), ("weight", "SFT", "power_seeking"): (0.98, 0.99),
}
UTILITY_2 = {
    ("vector", "DiffMean", "psychopathy"): (0.97, 0.99), ("vector", "DiffMean", "power_seeking"): (0.99, 0.99),
    ("LoRA", "SFT", "psychopathy"): (0.98, 0.99), ("LoRA", "SFT", "power_seeking"): (0.99, 0.99),
    ("weight", "SFT", "psychopathy"): (0.98, 0.99), ("weight", "SFT", "power_seeking"): (0.99, 0.99),
}
PREFERENCE_6 = {
    ("vector", "DiffMean", "psychopathy"): (0.89, 0.99), ("vector", "DiffMean", "power_seeking"): (0.99, 0.99),
    ("LoRA", "SFT", "psychopathy"): (0.99, 0.70), ("LoRA", "SFT", "power_seeking"): (0.99, 0.95),
    ("weight", "SFT", "psychopathy"): (0.96, 0.99), ("weight", "SFT", "power_seeking"): (0.96, 0.82),
}
UTILITY_6 = {
    ("vector", "DiffMean", "psychopathy"): (0.94, 0.97), ("vector", "DiffMean", "power_seeking"): (0.99, 0.94),
    ("LoRA", "SFT", "psychopathy"): (0.98, 0.99), ("LoRA", "SFT", "power_seeking"): (0.98, 0.99),
    ("weight", "SFT", "psychopathy"): (0.98, 0.99), ("weight", "SFT", "power_seeking"): (0.93, 0.99),
}
