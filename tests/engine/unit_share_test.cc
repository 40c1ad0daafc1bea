#include "core/engine/unit_share.h"

#include <algorithm>
#include <random>

#include "gtest/gtest.h"

namespace steer {
namespace {

// Whatever steps and units take: units have their share but for the last one, and no unit waits
// longer than its predecessor costs.
TEST(UnitShareTest, UnitsHaveTheirShareAndNoMore) {
  for (const double share : {0.05, 0.25, 0.5, 0.9}) {
    std::mt19937 random(1);
    UnitShare units(share);
    double unit_seconds = 0, step_seconds = 0, last = 0, since = 0;
    for (int i = 0; i < 5000; ++i) {
      const double seconds = 1e-3 * static_cast<double>(1 + random() % 100);
      if (units.MayRun(/*beside_interactive=*/true)) {
        EXPECT_LE(unit_seconds * (1 - share), step_seconds * share * (1 + 1e-9));
        unit_seconds += seconds;
        last = seconds;
        since = 0;
        units.UnitRan(seconds);
        EXPECT_FALSE(units.MayRun(true));
      } else {
        step_seconds += seconds;
        since += seconds;
        units.StepRan(seconds);
        EXPECT_LE(since, last * (1 - share) / share + 0.1 + 1e-9);
      }
    }
    EXPECT_GT(unit_seconds, 0);
  }
}

TEST(UnitShareTest, AloneTheyRunOneAfterTheOther) {
  UnitShare units(0.25);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(units.MayRun(/*beside_interactive=*/false));
    units.UnitRan(1);
  }
  // Of that only the last one counts when somebody comes.
  EXPECT_FALSE(units.MayRun(true));
  units.StepRan(3);
  EXPECT_TRUE(units.MayRun(true));
}

TEST(UnitShareTest, StepsBeforeAUnitAreNoCredit) {
  UnitShare units(0.25);
  units.StepRan(1000);
  units.UnitRan(1);
  EXPECT_FALSE(units.MayRun(true));
  units.StepRan(2);
  EXPECT_FALSE(units.MayRun(true));
  units.StepRan(1);
  EXPECT_TRUE(units.MayRun(true));
}

}  // namespace
}  // namespace steer
