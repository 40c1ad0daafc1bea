#include "core/schedule/block_key.h"

#include <cstring>

#include "core/base/sha256.h"

namespace steer {
namespace {

template <typename T>
void Append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

BlockKey Hash(const std::string& bytes) {
  const std::array<std::byte, 32> digest = Sha256Digest(bytes);
  BlockKey key;
  std::memcpy(key.words.data(), digest.data(), digest.size());
  return key;
}

}  // namespace

BlockKey RootKey(absl::string_view tenant, absl::string_view format) {
  std::string bytes;
  Append(bytes, uint64_t{tenant.size()});
  bytes.append(tenant.data(), tenant.size());
  bytes.append(format.data(), format.size());
  return Hash(bytes);
}

BlockKey NextKey(const BlockKey& parent, std::span<const TokenId> tokens, int begin,
                 const ControlSet& controls, const PromptLayout& layout) {
  std::string bytes;
  Append(bytes, parent.words);
  Append(bytes, uint64_t{tokens.size()});
  for (const TokenId token : tokens) Append(bytes, token);
  for (uint32_t i = 0; i < tokens.size(); ++i) {
    const int position = begin + static_cast<int>(i);
    for (const ControlEntry& control : controls) {
      if (!Acts(control, layout, position)) continue;
      const MultiplierRun& run = MultipliersAt(control, position);
      Append(bytes, i);
      // m and -0 act alike, and both are left out above where they are 0 for weight and bias.
      Append(bytes, run.m1 + 0.0);
      Append(bytes, run.m2 + 0.0);
      Append(bytes, uint64_t{control.signal_id.size()});
      bytes.append(control.signal_id);
    }
  }
  return Hash(bytes);
}

}  // namespace steer
