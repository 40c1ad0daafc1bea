"""Writes results/fits.md and its pictures from finished cells. Every sentence about a result comes from a number."""

import re
import shutil

import claims
import datasets
import paper_tables
from measured import MODES, SIDES, Cell

INTRODUCTION = """\
Written by `tests/paper/run.sh --report fits` from what it measured; the paper is arXiv 2602.02343. Log-odds in nats. "Means" are losses
per answer token, as the paper's code has them, "sums" losses per answer. A mean utility exists only where the two answers'
masses sum to less than 1: cells where fewer than half of the pairs have one at every multiplier are judged on sums. Half-validity
points, phases and the maximum of utility are of the losses that a cell is judged on; m is in the signal's own units. The
paper's numbers are of Gemma-2-9B-IT / Qwen2.5-7B-Instruct; SPLIT has no rows in its tables of fits.
"""


def number(value, digits=3):
    return "–" if value is None else f"{value:.{digits}f}"


def half(found):
    if found is None:
        return "–"
    multiplier, bound = found
    return f"{'beyond ' if bound else ''}{multiplier:+.3g}"


def of_paper(table, cell):
    found = table.get(cell.key)
    return "–" if found is None else " / ".join(f"{value:.2f}" for value in found)


def table(header, rows):
    lines = ["| " + " | ".join(row) + " |" for row in (header, *rows)]
    return [lines[0], "|" + "---|" * len(header), *lines[1:], ""]


def fits_table(cells, law, tables):
    header = ["data set", "signal", "R², means", "R², sums", "pairs", "paper, Table 2", "Table 6",
              "half validity m < 0", "m > 0"]
    rows = []
    for cell in cells:
        fits = [cell.fits[mode][law] for mode in MODES]
        pairs = " / ".join(str(fit["pairs"]) if fit["verdict"] == "FITTED" else "–" for fit in fits)
        halves = [half(cell.half(law, cell.mode, side)) for side in SIDES]
        rows.append([datasets.NAMES[cell.data], cell.name, *(number(cell.r_squared(law, mode)) for mode in MODES), pairs,
                     *(of_paper(one, cell) for one in tables), *halves])
    return table(header, rows)


def shape_table(cells):
    header = ["data set", "signal", "judged on", "m measured", "maximum of utility", "phases from 0: m < 0", "m > 0",
              "recommended m", "gain"]
    rows = []
    for cell in cells:
        peak, told = claims.utility_peak(cell), cell.recommended["told"]
        sides = [", ".join(cell.phases(cell.mode, side)) or "–" for side in SIDES]
        advice = ["–", "–"]
        if told is not None:
            missed = "" if told["feasible"] else " (goal missed)"
            advice = [f"{told['multiplier']:+.3g}{missed}", f"{told['preference_gain']:+.3g}"]
        rows.append([datasets.NAMES[cell.data], cell.name, cell.mode + "s",
                     f"{cell.points[0]['multiplier']:.3g} .. {cell.points[-1]['multiplier']:.3g}",
                     "–" if peak is None else f"{peak[0]:+.3g}", *sides, *advice])
    return table(header, rows)


def sorted_out(answers):
    """{True: [...], False: [...], None: [...]} of (who, (held, text)); who may be empty."""
    verdicts = {True: [], False: [], None: []}
    for who, (held, text) in answers:
        verdicts[held].append(f"{who}: {text}" if who else text)
    return verdicts


def judged(cells):
    """[(title, threshold, verdicts)]: what held, what did not, and what could not be told, each with its numbers."""
    named = [(f"{datasets.NAMES[cell.data]}, {cell.name}", cell) for cell in cells]
    found = [(title, threshold, sorted_out((name, judge(cell)) for name, cell in named))
             for title, threshold, judge in claims.CLAIMS]
    averages_of = [("", claims.average_law(law, cells)) for law in ("preference", "utility")]
    found.insert(0, ("On average the laws fit", f"R² above {claims.R_SQUARED}, over the cells", sorted_out(averages_of)))
    by_key = {cell.key: cell for cell in cells}
    both = [(cell, by_key[cell.form, "SFT", cell.data]) for cell in cells
            if cell.method == "SPLIT" and (cell.form, "SFT", cell.data) in by_key]
    if both:
        found.append(("At equal gains of preference SPLIT loses less utility than SFT",
                      "at a quarter, a half and three quarters of the smaller of their largest gains, fitted laws, m > 0",
                      sorted_out((f"{datasets.NAMES[split.data]}, {split.form}", claims.split_beats_sft(split, sft))
                                 for split, sft in both)))
    return found


def verdict_section(title, found, which):
    lines = [f"## {title}", ""]
    for claim, threshold, verdicts in found:
        total = sum(map(len, verdicts.values()))
        if verdicts[which]:
            lines += [f"**{claim}** ({threshold}): {len(verdicts[which])} of {total}", ""]
            lines += [*(f"- {text}" for text in verdicts[which]), ""]
    return lines if len(lines) > 2 else lines + ["Nothing.", ""]


def averages(cells):
    rows = []
    for law in ("preference", "utility"):
        for mode in MODES:
            values = [value for cell in cells if (value := cell.r_squared(law, mode)) is not None]
            rows.append([law, mode + "s", str(len(values)), number(sum(values) / len(values) if values else None),
                         number(min(values, default=None))])
    return table(["law", "losses", "curves fitted", "R², average", "least"], rows)


def conditions(cells):
    lines = []
    for data in dict.fromkeys(cell.data for cell in cells):
        cell = next(cell for cell in cells if cell.data == data)
        train, held_out = cell.signal_spec["pairs"]["rows"], cell.spec["pairs"]["rows"]
        lines.append(f"- {datasets.NAMES[data]}: learned from rows {train[0] + 1} to {train[1]} of "
                     f"`data/{datasets.FILES[data]}`, measured on the {cell.pairs} pairs of rows {held_out[0] + 1} to "
                     f"{held_out[1]}.")
    for cell in cells:
        learner = cell.signal_spec["learner"]
        if "objective" in learner:
            settings = ", ".join(f"{key} {value}" for key, value in learner.items() if value is not None)
            lines.append(f"- {datasets.NAMES[cell.data]}, {cell.name}: {settings}.")
    where = {"{machine}, {cores} cores, {threads} threads".format(**cell.conditions) for cell in cells}
    loads = [cell.conditions["load"] for cell in cells]
    spent = {part: [cell.seconds[part] for cell in cells] for part in ("signal", "curve")}
    seconds = ", ".join(f"per {part} {min(many):.0f} to {max(many):.0f}" for part, many in spent.items())
    lines.append(f"- Measured on {'; '.join(sorted(where))}, load {min(loads):.1f} to {max(loads):.1f}; seconds {seconds}.")
    lines.append(f"- By the code of {', '.join(sorted({cell.conditions['commit'] for cell in cells}))}.")
    return lines + [""]


def pictures(results, cells):
    lines = ["## Pictures", ""]
    for cell in cells:
        for mode in MODES:
            source = cell.folder / f"{mode}.svg"
            if source.is_file():
                name = re.sub(r"[^a-z0-9]+", "_", f"{cell.data} {cell.name} {mode}".lower()) + ".svg"
                shutil.copyfile(source, results / "fits" / name)
                lines.append(f"- [{datasets.NAMES[cell.data]}, {cell.name}, {mode}s](fits/{name})")
    return lines + [""]


def write(results, lines, small):
    cells = [Cell(*line) for line in lines]
    (results / "fits").mkdir(parents=True, exist_ok=True)
    for old in (results / "fits").glob("*.svg"):
        old.unlink()
    found = judged(cells)
    text = ["# How far the paper's claims hold on a small model", ""]
    if small:
        text += ["**A check of the machinery on a few pairs and steps. Its numbers say nothing of the paper.**", ""]
    text += [INTRODUCTION]
    text += ["## Fits of preference", ""]
    text += fits_table(cells, "preference", (paper_tables.PREFERENCE_2, paper_tables.PREFERENCE_6))
    text += ["## Fits of utility", "", *fits_table(cells, "utility", (paper_tables.UTILITY_2, paper_tables.UTILITY_6))]
    text += ["## Averages", "", *averages(cells), "## Shapes", "", *shape_table(cells)]
    for title, which in (("What held", True), ("What did not hold", False), ("What could not be told", None)):
        text += verdict_section(title, found, which)
    text += ["## Conditions", "", *conditions(cells), *pictures(results, cells)]
    (results / "fits.md").write_text("\n".join(text).rstrip() + "\n", encoding="utf-8")
    print(f"report: {results / 'fits.md'}", flush=True)
