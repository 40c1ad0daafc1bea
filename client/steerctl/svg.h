#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace steer {

// As the content of an element or of a quoted attribute of an XML 1.0 document: marks are written
// as entities, and what XML may not hold is replaced.
std::string XmlText(absl::string_view text);

struct Spot {
  double x = 0;
  double y = 0;
};

// Pixels that `text` takes, about: fonts differ from viewer to viewer.
double TextWidth(absl::string_view text, double font_size);
// The text, cut to so many pixels, with "…" for what is gone.
std::string Shortened(absl::string_view text, double pixels, double font_size);
// The text in lines of so many pixels, broken at spaces; a word that is too long is cut.
std::vector<std::string> Wrapped(absl::string_view text, double pixels, double font_size);

// An SVG picture under construction: white, with no script, style sheet or font from outside.
// `style` is attributes as they stand ("stroke=\"#000\""); texts are escaped. Coordinates are
// finite; they are written with two decimals. Not thread-safe.
class Svg {
 public:
  void Line(Spot from, Spot to, absl::string_view style);
  void Rectangle(Spot corner, Spot size, absl::string_view style);
  void Circle(Spot centre, double radius, absl::string_view style);
  // Nothing for less than two spots.
  void Polyline(const std::vector<Spot>& spots, absl::string_view style);
  void Polygon(const std::vector<Spot>& spots, absl::string_view style);
  void Text(Spot at, absl::string_view text, absl::string_view style);

  // The document, with what it is about in words for who cannot see it.
  std::string Document(Spot size, absl::string_view title, absl::string_view description) const;

 private:
  void Spots(absl::string_view element, const std::vector<Spot>& spots, absl::string_view style);

  std::string body_;
};

}  // namespace steer
