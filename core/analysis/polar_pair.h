#pragma once

#include <optional>
#include <string>
#include <vector>

namespace steer {

// A question with one answer that shows the concept (A_p) and one that does not (A_n). All UTF-8.
struct PolarPair {
  std::string question;
  std::string positive;
  std::string negative;
  // To learn from: the question that the negative answer belongs to, where it has one of its own.
  std::optional<std::string> negative_question = std::nullopt;
};

// SHA-256, 64 hex digits, of all texts in order.
std::string HashOf(const std::vector<PolarPair>& pairs);

// As they are scored: both answers behind one question, that of the negative answer, since what a
// signal can do is to make the other likely there.
std::vector<PolarPair> WithOneQuestion(std::vector<PolarPair> pairs);

}  // namespace steer
