#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/model/checkpoint.h"
#include "gtest/gtest.h"
#include "tests/support/loaded_model.h"

namespace steer {

// The seeded tiny model with other windows, by layer.
inline std::shared_ptr<const Decoder> LoadWith(const std::vector<int>& windows) {
  auto file = GgufFile::Open(RequiredEnv("STEER_TINY_MODEL"));
  EXPECT_TRUE(file.ok()) << file.status();
  auto checkpoint = Checkpoint::FromGguf(*std::move(file));
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->config.layer_configs.size(), windows.size());
  for (size_t i = 0; i < windows.size(); ++i) {
    checkpoint->config.layer_configs[i].window = windows[i];
  }
  auto decoder = Decoder::Load(*checkpoint, at::kFloat, at::kCPU);
  EXPECT_TRUE(decoder.ok()) << decoder.status();
  return *std::move(decoder);
}

}  // namespace steer
