#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/signal/signal_data.h"

namespace steer {

// A vector whose numbers, and so its id, come from `seed`.
inline SignalData VectorSignal(int seed, int64_t width = 4) {
  std::vector<float> values(static_cast<size_t>(width));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(seed) + 0.5F * static_cast<float>(i);
  }
  SignalData signal;
  signal.updates = {{{1, SiteKind::kBlockOut},
                     Read::kSiteInput,
                     {{"v", HostTensor::FromFloats({width}, values)}}}};
  return signal;
}

// The signal of tests/signal/testdata/signal_id.py and of testdata/lora.safetensors.
inline SignalData LoraSignal() {
  const auto tensor = [](std::vector<int64_t> shape, std::vector<float> values) {
    return HostTensor::FromFloats(std::move(shape), values);
  };
  SignalData signal;
  signal.kind = SignalKind::kLora;
  signal.marks = {"shape-mark", "weights-mark"};
  signal.default_multiplier = -2.5;
  signal.default_positions = {.prompt = false, .generated = true, .exclude_template_head = true};
  signal.updates = {
      {{1, SiteKind::kDownProj},
       Read::kSiteInput,
       {{"A", tensor({1, 3}, {1.0F, -0.0F, 0.5F})}, {"B", tensor({2, 1}, {0.25F, -8.0F})}}},
      {{1, SiteKind::kBlockOut},
       Read::kMlpMid,
       {{"A", tensor({1, 3}, {1e-30F, 2, 3})},
        {"B", tensor({2, 1}, {4, 5})},
        {"db", tensor({2}, {6, 7})}}}};
  return signal;
}

inline SignalData ClampSignal() {
  SignalData signal;
  signal.kind = SignalKind::kClamp;
  signal.updates = {{{1, SiteKind::kBlockOut},
                     Read::kSiteInput,
                     {{"W", HostTensor::FromFloats({1, 4}, std::vector<float>{0.6F, 0, -0.8F, 0})},
                      {"a", HostTensor::FromFloats({1}, std::vector<float>{2.5F})}}}};
  return signal;
}

// In memory where that exists, for the many runs in which real syncs would only cost time.
inline std::filesystem::path MemoryFolder() {
  const std::filesystem::path memory = "/dev/shm";
  return std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
}

// A folder that goes with the object.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(
      const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    std::string name = (parent / "steer-store-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  // The names in one of its folders, sorted.
  std::vector<std::string> Names(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_ + "/" + folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

}  // namespace steer
