#include "client/steerctl/positions_text.h"

#include "gtest/gtest.h"
#include "steer/v1/signal.pb.h"

namespace steer {
namespace {

TEST(SitesTextTest, NamesTheFirst) {
  v1::Signal signal;
  EXPECT_EQ(SitesText(signal.sites()), "");
  signal.add_sites("layers.15.block_out");
  EXPECT_EQ(SitesText(signal.sites()), "layers.15.block_out");
  for (const char* site : {"layers.16.block_out", "layers.17.block_out"}) signal.add_sites(site);
  EXPECT_EQ(SitesText(signal.sites()), "layers.15.block_out and 2 more");
}

}  // namespace
}  // namespace steer
