"""What client/python/plot_curve.py takes out of a message; matplotlib is not needed for that."""
import pathlib, sys, unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "client" / "python"))
import plot_curve
from plot_curve import analysis_pb2 as pb


class SeriesTest(unittest.TestCase):
    POINTS = [
        pb.CurvePoint(multiplier=-1, preference=-0.5, preference_interval=pb.Interval(low=-0.75, high=-0.375)),
        pb.CurvePoint(multiplier=0, preference=0, utility=0.25, utility_interval=pb.Interval(low=0, high=1)),
    ]

    def test_a_value_with_its_interval(self):
        self.assertEqual(plot_curve.series(self.POINTS, "preference", "interval"),
                         [(-1, 0), (-0.5, 0), (0.25, 0), (0.125, 0)])

    def test_what_is_undefined_is_left_out(self):
        self.assertEqual(plot_curve.series(self.POINTS, "utility", "interval"), [(0,), (0.25,), (0.25,), (0.75,)])
        fitted = [pb.FittedPoint(multiplier=1), pb.FittedPoint(multiplier=2, preference=0)]
        self.assertEqual(plot_curve.series(fitted, "preference", "band"), [(2,), (0,), (0,), (0,)])

    def test_nothing_at_all(self):
        self.assertEqual(plot_curve.series([], "utility", "band"), [(), (), (), ()])

    def test_every_phase_has_a_colour(self):
        self.assertEqual(set(plot_curve.PHASE_COLOURS), set(pb.Phase.values()) - {pb.PHASE_UNSPECIFIED})


class MapTest(unittest.TestCase):

    def test_a_row_for_each_curve(self):
        one, two = (pb.Curve(signal_id=letter * 64, points=SeriesTest.POINTS) for letter in "ab")
        self.assertEqual(plot_curve.map_rows([one, two]),
                         [("a" * 12, SeriesTest.POINTS), ("b" * 12, SeriesTest.POINTS)])

    def test_two_signals_have_a_row_for_each_second_multiplier(self):
        points = [pb.CurvePoint(multiplier=m, second_multiplier=second) for m in (-1, 0) for second in (2, 0)]
        curve = pb.Curve(points=points, second=pb.CurveOfSecond(signal_id="b"))
        self.assertEqual(plot_curve.map_rows([curve]), [("0", [points[1], points[3]]), ("2", [points[0], points[2]])])

    def test_cells_meet_half_way(self):
        self.assertEqual(plot_curve.edges([-2, 0, 1]), [-3, -1, 0.5, 1.5])
        self.assertEqual(plot_curve.edges([4]), [3.5, 4.5])


if __name__ == "__main__":
    unittest.main()
