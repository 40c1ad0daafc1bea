#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer {

// Cuts text into the pieces inside which a byte-level BPE merges. Immutable and thread-safe.
class PreTokenizer {
 public:
  // `name` is the file's tokenizer.ggml.pre. UNIMPLEMENTED lists the known ones.
  static absl::StatusOr<PreTokenizer> Create(absl::string_view name);
  PreTokenizer(PreTokenizer&&) noexcept;
  PreTokenizer& operator=(PreTokenizer&&) noexcept;
  ~PreTokenizer();

  // Calls `piece` for consecutive, non-empty pieces that together are `text`, which must be valid
  // UTF-8.
  void Split(absl::string_view text, absl::FunctionRef<void(absl::string_view)> piece) const;

  // A piece that is a token as a whole is taken as such even if no row of merges leads to it.
  bool whole_pieces_first() const { return whole_pieces_first_; }
  // Whether models with this pre-tokenizer start a text with BOS when their file does not say.
  bool adds_bos_by_default() const { return adds_bos_by_default_; }

 private:
  struct Regex;
  PreTokenizer();

  std::unique_ptr<const Regex> regex_;
  bool whole_pieces_first_ = false;
  bool adds_bos_by_default_ = false;
};

}  // namespace steer
