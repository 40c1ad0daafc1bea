#include "client/steerctl/svg.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/steerctl/terminal.h"

namespace steer {
namespace {

constexpr char kFonts[] = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";
constexpr double kWidthOfACharacter = 0.56;  // in font sizes, on the wide side of those fonts
constexpr char kReplacement[] = "\xEF\xBF\xBD";

// Whether the character, well-formed as far as EscapeControls looks, is one that XML may not hold:
// an overlong form, a surrogate, beyond Unicode, U+FFFE or U+FFFF.
bool IsForbidden(absl::string_view character) {
  if (character.size() < 3) return false;
  const auto lead = static_cast<unsigned char>(character[0]);
  const auto second = static_cast<unsigned char>(character[1]);
  return (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0) ||
         (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90) ||
         character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF";
}

// The first character of UTF-8 text that is not empty.
absl::string_view FirstCharacter(absl::string_view text) {
  size_t length = 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) {
    ++length;
  }
  return text.substr(0, length);
}

std::string Number(double value) {
  std::string text = absl::StrFormat("%.2f", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

}  // namespace

std::string XmlText(absl::string_view text) {
  const std::string printable = EscapeControls(text);
  std::string out;
  for (absl::string_view rest = printable; !rest.empty();) {
    const absl::string_view character = FirstCharacter(rest);
    absl::StrAppend(&out, IsForbidden(character) ? kReplacement : character);
    rest.remove_prefix(character.size());
  }
  return absl::StrReplaceAll(out, {{"&", "&amp;"},
                                   {"<", "&lt;"},
                                   {">", "&gt;"},
                                   {"\"", "&quot;"},
                                   {"'", "&apos;"},
                                   {"\n", " "},
                                   {"\t", " "}});
}

double TextWidth(absl::string_view text, double font_size) {
  return static_cast<double>(DisplayWidth(text)) * font_size * kWidthOfACharacter;
}

std::string Shortened(absl::string_view text, double pixels, double font_size) {
  if (TextWidth(text, font_size) <= pixels) return std::string(text);
  std::string out;
  for (absl::string_view rest = text; !rest.empty();) {
    const absl::string_view character = FirstCharacter(rest);
    if (TextWidth(absl::StrCat(out, character, "…"), font_size) > pixels) break;
    absl::StrAppend(&out, character);
    rest.remove_prefix(character.size());
  }
  return out + "…";
}

std::vector<std::string> Wrapped(absl::string_view text, double pixels, double font_size) {
  std::vector<std::string> lines;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    const std::string longer = lines.empty() ? "" : absl::StrCat(lines.back(), " ", word);
    if (!lines.empty() && TextWidth(longer, font_size) <= pixels) {
      lines.back() = longer;
    } else {
      lines.push_back(Shortened(word, pixels, font_size));
    }
  }
  return lines;
}

void Svg::Line(Spot from, Spot to, absl::string_view style) {
  absl::StrAppend(&body_, "<line x1=\"", Number(from.x), "\" y1=\"", Number(from.y), "\" x2=\"",
                  Number(to.x), "\" y2=\"", Number(to.y), "\" ", style, "/>\n");
}

void Svg::Rectangle(Spot corner, Spot size, absl::string_view style) {
  absl::StrAppend(&body_, "<rect x=\"", Number(corner.x), "\" y=\"", Number(corner.y),
                  "\" width=\"", Number(size.x), "\" height=\"", Number(size.y), "\" ", style,
                  "/>\n");
}

void Svg::Circle(Spot centre, double radius, absl::string_view style) {
  absl::StrAppend(&body_, "<circle cx=\"", Number(centre.x), "\" cy=\"", Number(centre.y),
                  "\" r=\"", Number(radius), "\" ", style, "/>\n");
}

void Svg::Polyline(const std::vector<Spot>& spots, absl::string_view style) {
  Spots("polyline", spots, absl::StrCat("fill=\"none\" ", style));
}

void Svg::Polygon(const std::vector<Spot>& spots, absl::string_view style) {
  Spots("polygon", spots, style);
}

void Svg::Spots(absl::string_view element, const std::vector<Spot>& spots,
                absl::string_view style) {
  if (spots.size() < 2) return;
  std::string points;
  for (const Spot& spot : spots) {
    absl::StrAppend(&points, points.empty() ? "" : " ", Number(spot.x), ",", Number(spot.y));
  }
  absl::StrAppend(&body_, "<", element, " points=\"", points, "\" ", style, "/>\n");
}

void Svg::Text(Spot at, absl::string_view text, absl::string_view style) {
  absl::StrAppend(&body_, "<text x=\"", Number(at.x), "\" y=\"", Number(at.y), "\" ", style, ">",
                  XmlText(text), "</text>\n");
}

std::string Svg::Document(Spot size, absl::string_view title, absl::string_view description) const {
  const std::string width = Number(size.x);
  const std::string height = Number(size.y);
  return absl::StrCat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", width, "\" height=\"",
                      height, "\" viewBox=\"0 0 ", width, " ", height, "\" font-family=\"", kFonts,
                      "\" fill=\"#1a1a1a\">\n<title>", XmlText(title), "</title>\n<desc>",
                      XmlText(description), "</desc>\n<rect x=\"0\" y=\"0\" width=\"", width,
                      "\" height=\"", height, "\" fill=\"#ffffff\"/>\n", body_, "</svg>\n");
}

}  // namespace steer
