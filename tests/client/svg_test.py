"""Draws every plot of CurveSvgTest and MapSvgTest and reads it with a strict XML parser: well-formed, every number finite and on
the page, and nothing that could load or run anything.

Usage: svg_test.py PATH/TO/steer_client_test
"""
import math, os, pathlib, re, subprocess, sys, tempfile, unittest
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {SVG + name for name in ("svg", "title", "desc", "line", "rect", "circle", "polyline", "polygon", "text")}
HORIZONTAL = ("x", "x1", "x2", "cx")
VERTICAL = ("y", "y1", "y2", "cy")


def places(element):
    """(x, None), (None, y) or (x, y) of everything that the element draws."""
    for name in HORIZONTAL:
        if name in element.attrib:
            yield float(element.get(name)), None
    for name in VERTICAL:
        if name in element.attrib:
            yield None, float(element.get(name))
    for pair in element.get("points", "").split():
        x, y = pair.split(",")
        yield float(x), float(y)
    if element.tag == SVG + "rect":
        yield float(element.get("x")) + float(element.get("width")), float(element.get("y")) + float(element.get("height"))


class SvgTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        subprocess.run([BINARY, "--gtest_filter=*SvgTest.*"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "STEER_SVG_FOLDER": cls.folder.name})
        cls.texts = {path.name: path.read_bytes() for path in sorted(pathlib.Path(cls.folder.name).glob("*.svg"))}
        cls.plots = {name: ElementTree.fromstring(text) for name, text in cls.texts.items()}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_there_are_plots(self):
        self.assertGreaterEqual(len(self.plots), 22)

    def test_everything_is_on_the_page(self):
        for name, plot in self.plots.items():
            _, _, width, height = map(float, plot.get("viewBox").split())
            for element in plot.iter():
                for x, y in places(element):
                    with self.subTest(plot=name, element=ElementTree.tostring(element)):
                        self.assertTrue(x is None or (math.isfinite(x) and 0 <= x <= width), x)
                        self.assertTrue(y is None or (math.isfinite(y) and 0 <= y <= height), y)

    def test_texts_are_not_empty_and_fit_the_page_roughly(self):
        for name, plot in self.plots.items():
            width = float(plot.get("width"))
            for text in plot.iter(SVG + "text"):
                with self.subTest(plot=name, text=text.text):
                    self.assertTrue(text.text and text.text.strip())
                    self.assertLess(len(text.text) * float(text.get("font-size")) * 0.5, width)

    def test_nothing_is_loaded_or_run(self):
        for name, plot in self.plots.items():
            with self.subTest(plot=name):
                self.assertLessEqual({element.tag for element in plot.iter()}, ALLOWED)
                attributes = {key for element in plot.iter() for key in element.attrib}
                self.assertFalse([key for key in attributes if "href" in key or key.startswith("on") or key == "style"])
                self.assertEqual(re.findall(rb"url\(|@import|<!", self.texts[name]), [])


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main()
