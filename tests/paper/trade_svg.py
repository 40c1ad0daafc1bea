"""Draws what each method gains within a loss of utility: a panel per data set and carrier, a line per method."""

import numpy

import comparison_grid as grid
import datasets
import trade

WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 190, 62, 58, 58
POINTS = 60
# Colours that the colour-blind can tell apart, and dashes for print.
STYLES = {"difference_of_means": ("#777777", "2 3"), "sft": ("#0072b2", "7 3"), "reps": ("#b58900", "7 3 2 3"),
          "split": ("#c8321e", "")}


def lines_of(group, budgets):
    """{method: gains within each loss, [seeds, budgets]}"""
    comparison, weights = group.comparison, trade.evenly(group.comparison.pairs)
    found = {}
    for method, by_seed in comparison.curves.items():
        trades = [curve.trade(weights, comparison.defined) for curve in by_seed]
        found[method] = numpy.array([[trade.gain_within(*one, budget)[0][0] for budget in budgets] for one in trades])
    return found


def nice_step(span):
    """About four ticks over it."""
    raw = span / 4
    power = 10 ** numpy.floor(numpy.log10(raw))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)


class Panel:
    """One group's axes and lines, its upper left corner at (x, y)."""

    def __init__(self, group, largest_loss, corner):
        self.x, self.y = corner
        self.group, self.largest_loss = group, largest_loss
        self.budgets = numpy.linspace(0, largest_loss, POINTS)
        self.lines = lines_of(group, self.budgets)
        self.top = max(1e-3, max(float(gains.max()) for gains in self.lines.values())) * 1.05

    def place(self, loss, gain):
        return (f"{self.x + WIDTH * loss / self.largest_loss:.1f},"
                f"{self.y + HEIGHT * (1 - gain / self.top):.1f}")

    def axes(self):
        group, bottom = self.group, self.y + HEIGHT
        title = f"{datasets.NAMES[group.data]}, {grid.CARRIERS[group.carrier]}"
        unit = "per token" if group.mode == "mean" else "per answer"
        seeds = f"{len(group.seeds)} seed" + ("s" if len(group.seeds) > 1 else "")
        yield f'<text x="{self.x}" y="{self.y - 9}" font-weight="bold">{title}</text>'
        yield f'<text x="{self.x + WIDTH}" y="{self.y - 9}" text-anchor="end" fill="#555">{seeds}</text>'
        yield f'<rect x="{self.x}" y="{self.y}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999"/>'
        for loss in numpy.arange(0, self.largest_loss * 1.001, nice_step(self.largest_loss)):
            x = self.x + WIDTH * loss / self.largest_loss
            yield f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{loss:.3g}</text>'
        for gain in numpy.arange(0, self.top, nice_step(self.top)):
            y = bottom - HEIGHT * gain / self.top
            yield f'<line x1="{self.x}" x2="{self.x + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>'
            yield f'<text x="{self.x - 5}" y="{y + 4:.1f}" text-anchor="end">{gain:.3g}</text>'
        yield f'<text x="{self.x + WIDTH / 2}" y="{bottom + 31}" text-anchor="middle">utility lost, nats {unit}</text>'

    def curves(self):
        for method, gains in self.lines.items():
            colour, dashes = STYLES[method]
            if len(gains) > 1:
                edge = [*zip(self.budgets, gains.max(axis=0)), *zip(self.budgets[::-1], gains.min(axis=0)[::-1])]
                points = " ".join(self.place(loss, gain) for loss, gain in edge)
                yield f'<polygon points="{points}" fill="{colour}" fill-opacity="0.13"/>'
            points = " ".join(self.place(loss, gain) for loss, gain in zip(self.budgets, gains.mean(axis=0)))
            dash = f' stroke-dasharray="{dashes}"' if dashes else ""
            yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>'


def legend(x, y):
    for method, (colour, dashes) in STYLES.items():
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        yield f'<line x1="{x}" x2="{x + 28}" y1="{y - 4}" y2="{y - 4}" stroke="{colour}" stroke-width="1.8"{dash}/>'
        yield f'<text x="{x + 34}" y="{y}">{grid.METHODS[method]}</text>'
        x += 110


def draw(model, groups, largest_loss):
    """SVG: data sets from top to bottom, carriers from left to right."""
    rows = list(dict.fromkeys(group.data for group in groups))
    columns = [carrier for carrier in grid.CARRIERS if any(group.carrier == carrier for group in groups)]
    width = LEFT + max(2, len(columns)) * (WIDTH + GAP)  # of a single column the title is wider
    height = TOP + len(rows) * (HEIGHT + 72)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
             'font-family="sans-serif" font-size="11.5">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             f'<text x="12" y="20" font-size="13">{model}: preference gained (nats) within a loss of utility</text>',
             *legend(LEFT, TOP - 21 + 3)]
    for group in groups:
        corner = LEFT + columns.index(group.carrier) * (WIDTH + GAP), TOP + 26 + rows.index(group.data) * (HEIGHT + 72)
        panel = Panel(group, largest_loss, corner)
        parts += [*panel.axes(), *panel.curves()]
    return "\n".join([*parts, "</svg>"]) + "\n"
