#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/files/gguf.h"
#include "core/files/model_folder.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// A model's chat template as its files have it.
struct ChatTemplateSource {
  std::string text;                           // the Jinja program
  std::string field;                          // where it was found, for errors
  std::map<std::string, std::string> tokens;  // "bos_token", "eos_token", ... -> spelling
};

// The source of a GGUF file, whose special tokens `tokenizer` spells. `other` replaces a missing or
// wrong template. NOT_FOUND if there is none.
absl::StatusOr<ChatTemplateSource> ReadChatTemplate(const GgufFile& file,
                                                    const Tokenizer& tokenizer,
                                                    const std::optional<std::string>& other);

// The same of a Hugging Face folder: chat_template.jinja, else the chat_template of
// tokenizer_config.json, of several the one named "default".
absl::StatusOr<ChatTemplateSource> ReadChatTemplate(const ModelFolder& folder,
                                                    const std::optional<std::string>& other);

// What a file given by its user holds, to replace a model's template; nullopt for no path.
// NOT_FOUND or INVALID_ARGUMENT (field "chat_template") if it cannot be read or has more than 1
// MiB.
absl::StatusOr<std::optional<std::string>> ReadChatTemplateFile(const std::string& path);

}  // namespace steer
