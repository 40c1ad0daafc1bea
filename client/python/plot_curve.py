"""Draws a kept dose curve and its fitted laws with matplotlib, as `steerctl fit CURVE_ID --svg` does without it; of several
curves, or one of two signals, the map that `steerctl sweep --svg` draws.

Needs grpcio, grpcio-tools and matplotlib. Usage: python client/python/plot_curve.py CURVE_ID[,CURVE_ID...] FILE [HOST:PORT]
"""
import itertools, sys
import grpc
from example import analysis_pb2, analysis_pb2_grpc

PHASE_COLOURS = {analysis_pb2.LINEAR: "#d5ecd4", analysis_pb2.TRANSITIONAL: "#fdf0c4", analysis_pb2.CONVERGENCE: "#e4e1ec"}


def series(items, quantity, interval):
    """(m, value, below, above) of the curve points or fitted points that have the quantity; without an interval, no length."""
    rows = []
    for item in items:
        # The preference of a measured point is always there, and has no presence.
        field = item.DESCRIPTOR.fields_by_name[quantity]
        if field.has_presence and not item.HasField(quantity):
            continue
        value, name = getattr(item, quantity), f"{quantity}_{interval}"
        ends = getattr(item, name) if item.HasField(name) else analysis_pb2.Interval(low=value, high=value)
        rows.append((item.multiplier, value, value - ends.low, ends.high - value))
    return list(zip(*rows)) or [(), (), (), ()]


def draw(fit, path):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.8, 6.6), layout="constrained")
    for axes, quantity, colour in zip(figure.subplots(2, 1, sharex=True), ("preference", "utility"), ("#0b5394", "#b45309")):
        m, value, below, above = series(fit.curve.points, quantity, "interval")
        axes.errorbar(m, value, yerr=[below, above], fmt="o", color=colour, ecolor="#1a1a1a", capsize=3,
                      label="measured, 95 % interval")
        m, value, below, above = series(fit.fitted, quantity, "band")
        axes.plot(m, value, color=colour, label="fitted law, 95 % band")
        axes.fill_between(m, [v - b for v, b in zip(value, below)], [v + a for v, a in zip(value, above)],
                          color=colour, alpha=0.2)
        for phase in fit.phases if quantity == "preference" else ():
            axes.axvspan(phase.low, phase.high, color=PHASE_COLOURS[phase.phase], alpha=0.5, linewidth=0)
        law = getattr(fit, quantity)
        for half in (law.half_negative, law.half_positive) if law.verdict == analysis_pb2.FITTED else ():
            # A side where nothing was measured has none, and reads as 0.
            if half.multiplier and not half.beyond_range:
                axes.axvline(half.multiplier, color=colour, linestyle=":")
        axes.set(ylabel=f"{quantity} (nats per token)", title=law.reason)
        axes.grid(alpha=0.3)
    axes.set_xlabel("multiplier m")
    axes.legend()
    figure.suptitle(f"Dose curve of signal {fit.curve.signal_id[:12]}, {fit.curve.pairs} pairs")
    figure.savefig(path)


def map_rows(curves):
    """[(name, [point])] by ascending multiplier: a row for each curve, or for each second multiplier of one of two signals."""
    if len(curves) == 1 and curves[0].HasField("second"):
        key = lambda point: point.second_multiplier
        groups = itertools.groupby(sorted(curves[0].points, key=lambda point: (key(point), point.multiplier)), key)
        return [(f"{second:g}", list(points)) for second, points in groups]
    return [(curve.signal_id[:12], list(curve.points)) for curve in curves]


def edges(multipliers):
    """Where cells around these begin and end: half-way between neighbours, the outermost as far out as in."""
    if len(multipliers) == 1:
        return [multipliers[0] - 0.5, multipliers[0] + 0.5]
    inner = [(low + high) / 2 for low, high in zip(multipliers, multipliers[1:])]
    return [2 * multipliers[0] - inner[0], *inner, 2 * multipliers[-1] - inner[-1]]


def plot_map(curves, path):
    from matplotlib.colors import CenteredNorm, Normalize
    from matplotlib.figure import Figure

    rows = map_rows(curves)
    plain = next((p for name, points in rows for p in points if p.multiplier == p.second_multiplier == 0), None)
    figure = Figure(figsize=(7.8, 3 + 0.5 * len(rows)), layout="constrained")
    for axes, quantity in zip(figure.subplots(2, 1, sharex=True), ("preference", "utility")):
        # The preference of a measured point is always there, and has no presence.
        has = lambda point: quantity == "preference" or point.HasField(quantity)
        values = [[getattr(point, quantity) if has(point) else float("nan") for point in points] for _, points in rows]
        finite = [value for row in values for value in row if value == value]
        centre = getattr(plain, quantity) if plain else 0
        norm = Normalize(min(finite, default=0), max(finite, default=1))
        if quantity == "preference":  # the middle of the colours is the plain model
            norm = CenteredNorm(centre, max((abs(value - centre) for value in finite), default=0) or 1)
        axes.set_facecolor("#dddddd")  # shows where a value is undefined
        for place, ((_, points), row) in enumerate(zip(rows, values)):
            mesh = axes.pcolormesh(edges([point.multiplier for point in points]), [place - 0.5, place + 0.5], [row], norm=norm,
                                   cmap="cividis" if quantity == "preference" else "inferno")
        figure.colorbar(mesh, ax=axes)
        axes.set_title(f"{quantity} (nats per token)", fontsize="medium")
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_ylabel("second multiplier" if curves[0].HasField("second") else "signal")
        if not curves[0].HasField("second"):
            axes.invert_yaxis()  # the first signal on top
    axes.set_xlabel("multiplier m")
    figure.savefig(path)


if __name__ == "__main__":
    address = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1:7070"
    stub = analysis_pb2_grpc.AnalysisServiceStub(grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]))
    kept = [stub.GetCurve(analysis_pb2.GetCurveRequest(curve_id=id)) for id in sys.argv[1].split(",")]
    if len(kept) > 1 or kept[0].HasField("second"):
        plot_map(kept, sys.argv[2])
    else:
        draw(stub.FitCurve(analysis_pb2.FitCurveRequest(curve_id=kept[0].id)), sys.argv[2])
