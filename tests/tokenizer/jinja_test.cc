// What parity with the reference cannot show: where texts come from, and that every template ends.

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/tokenizer/jinja/budget.h"
#include "core/tokenizer/jinja/program.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer::jinja {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Text> Render(const std::string& source, std::map<std::string, Value> variables) {
  absl::StatusOr<Program> program = Program::Parse(source);
  if (!program.ok()) return program.status();
  return program->Render(std::move(variables), 0);
}

// `x` is message 1 and `y` message 2; what each of them wrote is put in brackets of its own.
std::string Marked(const std::string& source, const std::string& x, const std::string& y = "Y") {
  const auto text = Render(source, {{"x", Value(Text(x, 1))}, {"y", Value(Text(y, 2))}});
  if (!text.ok()) return text.status().ToString();
  std::string marked;
  size_t at = 0;
  for (const Text::Origin& origin : text->origins()) {
    absl::StrAppend(&marked, text->bytes().substr(at, origin.begin - at),
                    origin.message == 1 ? "[" : "<",
                    text->bytes().substr(origin.begin, origin.end - origin.begin),
                    origin.message == 1 ? "]" : ">");
    at = origin.end;
  }
  return marked + text->bytes().substr(at);
}

TEST(JinjaTest, TextsRememberWhoWroteThem) {
  EXPECT_EQ(Marked("a{{ x }}b{{ y }}", "X"), "a[X]b<Y>");
  EXPECT_EQ(Marked("{{ x }}{{ y }}{{ x }}", "X"), "[X]<Y>[X]");
  EXPECT_EQ(Marked("{{ 'a' + x + 'b' + y ~ 'c' }}", "X"), "a[X]b<Y>c");
  EXPECT_EQ(Marked("{{ ('-' ~ x ~ '-') * 2 }}", "X"), "-[X]--[X]-");
  EXPECT_EQ(Marked("{{ (' ' ~ x ~ ' ') | trim }}", " X "), "[X]");
  EXPECT_EQ(Marked("{{ x.strip('ab') }}|{{ x.lstrip('ab') }}", "abXba"), "[X]|[Xba]");
  EXPECT_EQ(Marked("{{ ('1' ~ x ~ '2')[1:-1] }}{{ ('1' ~ x ~ '2')[::-1] }}", "XZ"), "[XZ]2[ZX]1");
  EXPECT_EQ(Marked("{{ ('1' ~ x)[1] }}{{ x[-1] }}{{ x | first }}{{ x | last }}", "äö"), "[äöäö]");
  EXPECT_EQ(Marked("{{ x.split(',') | join(';') }}", "a,b"), "[a];[b]");
  EXPECT_EQ(Marked("{{ x.split(',')[1] ~ '!' }}{{ x.split()[0] }}", "a,b c"), "[b c]![a,b]");
  EXPECT_EQ(Marked("{{ x.replace('o', '0') }}", "fool"), "[f]00[l]");
  EXPECT_EQ(Marked("{{ 'to you' | replace('you', x) }}", "X"), "to [X]");
  EXPECT_EQ(Marked("{{ x.replace('b', y) }}", "abc"), "[a]<Y>[c]");
  EXPECT_EQ(Marked("{{ x.upper() }}{{ x | lower }}{{ x | title }}{{ x | capitalize }}", "aB"),
            "[ABabAbAb]");
  EXPECT_EQ(Marked("{{ x | tojson }}", "a\"\n"), "\"[a\\\"\\n]\"");
  EXPECT_EQ(Marked("{{ [x, 1] }}{{ {'k': x} | tojson }}", "a'"), "[\"[a']\", 1]{\"k\": \"[a']\"}");
  EXPECT_EQ(Marked("{{ x | list | join('.') }}{{ x | reverse }}", "ab"), "[a].[bba]");
  EXPECT_EQ(Marked("{{ x | string | default('d') }}{{ x | indent }}", "a\nb"), "[a\nba]\n    [b]");
  EXPECT_EQ(Marked("{% set t %}<{{ x }}>{% endset %}{{ t | trim }}", "X"), "<[X]>");
  EXPECT_EQ(Marked("{% macro m(a) %}({{ a }}){% endmacro %}{{ m(x) + m(y) }}", "X"), "([X])(<Y>)");
  EXPECT_EQ(
      Marked("{% set ns = namespace(t=x) %}{{ ns.t }}{% for c in x %}{{ c }}-{% endfor %}", "ab"),
      "[aba]-[b]-");
  EXPECT_EQ(Marked("{{ x | length }}{{ x in x }}", "ab"), "2True");
}

void ExpectBounded(const std::string& source) {
  SCOPED_TRACE(source.substr(0, 200));
  const auto text = Render(source, {{"x", Value(Text(std::string(1000, 'a'), 1))}});
  EXPECT_FALSE(text.ok());
  EXPECT_FALSE(text.status().message().empty());
}

TEST(JinjaTest, EveryTemplateEnds) {
  ExpectBounded("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}");
  ExpectBounded("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}");
  ExpectBounded("{% macro f(n) %}{{ f(n) ~ f(n) }}{% endmacro %}{{ f(1) }}");
  ExpectBounded("{{ range(99999999999) }}");
  ExpectBounded("{{ range(-9223372036854775807, 9223372036854775807) }}");
  ExpectBounded("{{ 'a' * 9223372036854775807 }}");
  ExpectBounded("{{ ([1] * 99999) * 99999 }}");
  ExpectBounded("{{ 9223372036854775807 * 2 }}");
  ExpectBounded("{{ 10 ** 99 }}");
}

TEST(JinjaTest, TextsAndValuesStaySmall) {
  const std::string loop = "{% for i in range(200) %}";
  const auto grow = [&](const std::string& from, const std::string& step) {
    return absl::StrCat("{% set ns = namespace(t=", from, ") %}", loop, "{% set ns.t = ", step,
                        " %}{% endfor %}{{ ns.t | string | length }}");
  };
  ExpectBounded(grow("x", "ns.t ~ ns.t"));
  ExpectBounded(grow("x", "ns.t.replace('a', 'aa')"));
  ExpectBounded(grow("x", "ns.t | tojson | tojson ~ ns.t"));
  ExpectBounded(grow("x", "ns.t | join(ns.t)"));
  ExpectBounded(grow("[]", "[ns.t]"));
  ExpectBounded(grow("[1]", "ns.t + ns.t"));
  ExpectBounded(grow("[1]", "[ns.t, ns.t]"));  // small in memory, not when printed
  ExpectBounded(grow("1", "ns"));
  ExpectBounded(grow("1", "[ns]"));
  ExpectBounded(
      "{% set ns = namespace(t=[1]) %}{% for i in range(60) %}{% set ns.t = [ns.t, ns.t] %}"
      "{% endfor %}{% set u = [ns.t, 1] %}{{ [ns.t, 1] == u or u == [ns.t, 2] }}{{ u | tojson }}");
  ExpectBounded(absl::StrCat(loop, loop, loop, loop, "{{ x * 60000 }}", "{% endfor %}{% endfor %}",
                             "{% endfor %}{% endfor %}"));
}

TEST(JinjaTest, DeepTemplatesAreRefusedAtOnce) {
  const auto repeated = [](const std::string& part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  constexpr int kMany = 100'000;
  for (const std::string part : {"(", "[", "{'a':", "not ", "-", "x[", "f(", "a if b else "}) {
    ExpectBounded("{{ " + repeated(part, kMany));
  }
  for (const std::string part : {"+1", "~1", " and 1", " or 1", "|trim", ".a", "[0]", " is defined",
                                 " if 1 else 1", "<1", "**1"}) {
    const std::string source = "{{ 1" + repeated(part, kMany) + " }}";
    const auto text = Render(source, {});
    if (part != "~1" && part != "<1") {
      EXPECT_FALSE(text.ok()) << part;
    }
  }
  ExpectBounded(repeated("{% if 1 %}", kMany));
  ExpectBounded(repeated("{% for a in b %}", kMany));
  ExpectBounded("{% if 1 %}" + repeated("{% elif 1 %}", kMany));
}

TEST(JinjaTest, ErrorsSayWhere) {
  const auto message = [](const std::string& source) {
    return std::string(Render(source, {}).status().message());
  };
  EXPECT_EQ(message("{{ raise_exception('No, ' ~ 1) }}"), "No, 1");
  EXPECT_THAT(message("\n{% if true %}\n{{ x.y }}{% endif %}"),
              HasSubstr("line 3: 'x' is undefined"));
  EXPECT_THAT(message("\n{{ 1 | nope }}"), HasSubstr("line 2: the filter 'nope'"));
  EXPECT_THAT(message("{{ '%s' % 1 }}"), HasSubstr("formatting"));
  EXPECT_THAT(message("{{ 'É' | lower }}"), HasSubstr("beyond ASCII"));
  EXPECT_THAT(message("{{ ['é'] }}"), HasSubstr("beyond ASCII"));
  EXPECT_THAT(message("{{ ('a' | safe) + 'b' }}"), HasSubstr("safe"));
  EXPECT_THAT(message("{% set g = [1] | map('string') %}{{ g | list }}{{ g | list }}"),
              HasSubstr("generator twice"));
}

TEST(JinjaTest, TheTimeIsTheCallers) {
  const auto program = Program::Parse("{{ strftime_now('%Y') }}");
  ASSERT_TRUE(program.ok()) << program.status();
  constexpr std::time_t kYear = 365 * 24 * 3600;
  const auto first = program->Render({}, kYear / 2);
  const auto third = program->Render({}, 2 * kYear + kYear / 2);
  ASSERT_TRUE(first.ok() && third.ok());
  EXPECT_EQ(first->bytes(), "1970");
  EXPECT_EQ(third->bytes(), "1972");
}

}  // namespace
}  // namespace steer::jinja
