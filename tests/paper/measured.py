"""What one cell's files say, in the words of the report's claims. Reads numbers, computes none that the server tells."""

from cells import read_json

MODES = ("mean", "sum")
SIDES = ("negative", "positive")


class Cell:
    """One curve: a data set, a form and a method."""

    def __init__(self, line, signal_folder, curve_folder):
        self.data, self.form, self.method = line["data"], line["form"], line["method"]
        self.folder = curve_folder
        self.learned = read_json(signal_folder / "learned.json")
        self.signal_spec = read_json(signal_folder / "spec.json")
        self.spec = read_json(curve_folder / "spec.json")
        self.conditions = read_json(curve_folder / "conditions.json")
        folders = {"signal": signal_folder, "curve": curve_folder}
        self.seconds = {part: read_json(folder / "seconds.json") for part, folder in folders.items()}
        swept = read_json(curve_folder / "curve.json")
        self.curve, self.points, self.unit = swept["curve"], swept["curve"]["points"], swept["unit"]
        self.fits = {mode: read_json(curve_folder / f"fit_{mode}.json") for mode in MODES}
        self.slope = read_json(curve_folder / "score.json")["summary"]["slope"]
        self.recommended = read_json(curve_folder / "recommend.json")

    @property
    def name(self):
        return f"{self.form} {self.method}"

    @property
    def key(self):
        return (self.form, self.method, self.data)

    @property
    def pairs(self):
        return self.curve["pairs"]

    @property
    def mode(self):
        """Which losses the claims are judged on: means, as in the paper's code, if half of the pairs have mean utilities."""
        return "mean" if 2 * self.curve["utility_pairs"] >= self.pairs else "sum"

    def r_squared(self, law, mode):
        return self.fits[mode][law].get("r_squared") if self.fits[mode][law]["verdict"] == "FITTED" else None

    def half(self, law, mode, side):
        """(multiplier, whether it is only a bound); None without a fit."""
        fit = self.fits[mode][law]
        half = fit.get(f"half_{side}") if fit["verdict"] == "FITTED" else None
        return None if not half else (half["multiplier"], half["beyond_range"])

    def fitted(self, law, mode):
        """[(multiplier, value)] of the fitted law."""
        return [(point["multiplier"], point[law]) for point in self.fits[mode]["fitted"] if point.get(law) is not None]

    def measured_utility(self, mode):
        """[(multiplier, value)] of what was measured."""
        name = "utility" if mode == "mean" else "sum_utility"
        return [(point["multiplier"], point[name]) for point in self.points if point.get(name) is not None]

    def phases(self, mode, side):
        """Names from 0 outwards, e.g. ["linear", "transitional"]."""
        found = [p for p in self.fits[mode]["phases"] if (p["low"] >= 0 if side == "positive" else p["high"] <= 0)]
        if side == "negative":
            found.reverse()
        return [p["phase"].lower() for p in found]

    def linear_phase(self, mode):
        """The linear intervals' hull, or None."""
        found = [p for p in self.fits[mode]["phases"] if p["phase"] == "LINEAR"]
        return (min(p["low"] for p in found), max(p["high"] for p in found)) if found else None

    def trade(self, mode):
        """[(gain of preference, loss of utility)] against m = 0, by the fitted laws, from 0 to the positive end."""
        utility = dict(self.fitted("utility", mode))
        both = [(m, preference, utility[m]) for m, preference in self.fitted("preference", mode) if m >= 0 and m in utility]
        if not both:
            return []
        _, p0, u0 = both[0]
        return [(p - p0, u0 - u) for _, p, u in both]
