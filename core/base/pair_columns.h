#pragma once

#include <initializer_list>

namespace steer {

// The names under which files of polar pairs have their columns, in the order in which they are
// looked for. Where there are columns A and B, "matching" says which of them is the positive
// answer.
inline constexpr std::initializer_list<const char*> kQuestionColumns = {"question", "input",
                                                                        "positive_input"};
inline constexpr std::initializer_list<const char*> kPositiveColumns = {
    "positive", "matching", "answer_matching_behavior", "output", "positive_output"};
inline constexpr std::initializer_list<const char*> kNegativeColumns = {
    "negative", "not_matching", "answer_not_matching_behavior", "negative_output"};
inline constexpr std::initializer_list<const char*> kNegativeQuestionColumns = {"negative_question",
                                                                                "negative_input"};

}  // namespace steer
