"""The paper's claims as tests with stated thresholds.

A claim answers, for a cell, (held, the numbers): held is True, False or None where the cell cannot tell.
"""

R_SQUARED = 0.95
NEAR_ZERO = 1 / 3
SHARES = (0.25, 0.5, 0.75)


def direction(cell):
    slope = cell.slope
    low, high = slope["interval_low"], slope["interval_high"]
    return low > 0, f"{slope['slope']:+.3g} ({low:+.3g} .. {high:+.3g})"


def law(name):
    def judge(cell):
        value = cell.r_squared(name, cell.mode)
        if value is None:
            return None, cell.fits[cell.mode][name]["verdict"].lower().replace("_", " ")
        return value >= R_SQUARED, f"{value:.3f}"
    return judge


def utility_peak(cell):
    """(multiplier, share of the way to half validity or None) of the fitted utility's maximum, or None."""
    fitted = cell.fitted("utility", cell.mode)
    if not fitted:
        return None
    peak = max(fitted, key=lambda point: point[1])[0]
    half = cell.half("utility", cell.mode, "positive" if peak >= 0 else "negative")
    return peak, None if not half or not half[0] else peak / half[0]


def peak_near_zero(cell):
    found = utility_peak(cell)
    if found is None or found[1] is None:
        return None, "utility not fitted"
    peak, share = found
    linear = cell.linear_phase(cell.mode)
    inside = linear is not None and linear[0] <= peak <= linear[1]
    where = "in" if inside else "outside"
    return abs(share) <= NEAR_ZERO, f"at {peak:+.3g}, {share:.0%} of half validity, {where} the linear phase"


def utility_falls(cell):
    points = cell.measured_utility(cell.mode)
    if not points:
        return None, "no utility"
    top = max(value for _, value in points)
    low, high = top - points[0][1], top - points[-1][1]
    span = top - min(value for _, value in points)
    return min(low, high) >= 0.5 * span, f"by {low:.2f} to the left end, {high:.2f} to the right end"


def three_phases(cell):
    text, held = [], []
    for side in ("negative", "positive"):
        names = cell.phases(cell.mode, side)
        held.append(names[:1] == ["linear"] and names[-1:] == ["convergence"] and "transitional" in names)
        text.append(f"m {'<' if side == 'negative' else '>'} 0: {', '.join(names) or 'none'}")
    if cell.fits[cell.mode]["phases_missing"]:
        return None, cell.fits[cell.mode]["phases_missing"]
    return all(held), "; ".join(text)


def recommendation(cell):
    told, message = cell.recommended["told"], cell.recommended["message"]
    if told is None:
        return None, message
    text = f"m {told['multiplier']:+.3g}: preference {told['preference_gain']:+.3g}, utility {-told['utility_loss']:+.3g}"
    return told["feasible"] and told["multiplier"] > 0 and told["preference_gain"] > 0, text


CLAIMS = [
    ("The signal moves preference the way it was made for",
     "slope of the preference at 0 (means), bootstrap interval over pairs above 0", direction),
    ("Preference follows (alpha m + beta) D(m) + b", f"R² at least {R_SQUARED}", law("preference")),
    ("Utility follows beta D(m) + b", f"R² at least {R_SQUARED}", law("utility")),
    ("Utility has its maximum near m = 0",
     "the fitted law's maximum lies within a third of the way from 0 to the half-validity point of its side",
     peak_near_zero),
    ("Utility falls to both sides", "at both ends by at least half of its range", utility_falls),
    ("Preference has three phases", "on both sides linear from 0 on, then transitional, then convergence", three_phases),
    ("There is a multiplier above 0 with more preference within a small loss of utility",
     "RecommendMultiplier, at most 0.5 nats per token (means)", recommendation),
]


def average_law(name, cells):
    """The paper's own reading of its tables: not every cell, the average."""
    values = [value for cell in cells if (value := cell.r_squared(name, cell.mode)) is not None]
    if not values:
        return None, "nothing fitted"
    average = sum(values) / len(values)
    return average > R_SQUARED, f"{name}: {average:.3f} over {len(values)} of {len(cells)} curves"


def loss_at(trade, gain):
    """The least utility loss with at least so much gain, straight lines between points; None if the gain is not reached."""
    best = None
    for (g0, l0), (g1, l1) in zip(trade, trade[1:]):
        if max(g0, g1) < gain:
            continue
        ends = [loss for g, loss in ((g0, l0), (g1, l1)) if g >= gain]
        if min(g0, g1) < gain:
            ends.append(l0 + (l1 - l0) * (gain - g0) / (g1 - g0))
        best = min([*ends, *([] if best is None else [best])])
    return best


def split_beats_sft(split, sft):
    """At equal gains of preference SPLIT loses less utility than SFT: the paper's reason for SPLIT."""
    mode = "mean" if split.mode == sft.mode == "mean" else "sum"
    trades = [cell.trade(mode) for cell in (split, sft)]
    if not all(trades):
        return None, "utility not fitted"
    reach = min(max(gain for gain, _ in trade) for trade in trades)
    if reach <= 0:
        return None, "no gain of preference"
    rows = [(share * reach, *(loss_at(trade, share * reach) for trade in trades)) for share in SHARES]
    text = "; ".join(f"at +{gain:.3g}: {a:+.3g} against {b:+.3g}" for gain, a, b in rows)
    return all(a < b for _, a, b in rows), f"{text} ({mode}s)"
