"""Draws a kept dose curve and its fitted laws with matplotlib, as `steerctl fit CURVE_ID --svg` does without it.

Needs grpcio, grpcio-tools and matplotlib. Usage: python client/python/plot_curve.py CURVE_ID FILE [HOST:PORT]
"""
import sys
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


if __name__ == "__main__":
    address = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1:7070"
    stub = analysis_pb2_grpc.AnalysisServiceStub(grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]))
    draw(stub.FitCurve(analysis_pb2.FitCurveRequest(curve_id=sys.argv[1])), sys.argv[2])
