#pragma once

#include <algorithm>
#include <cmath>

namespace steer {

// Which class's turn it is while both have work. One number: interactive tokens run, weighted by
// the background's share, less background tokens weighted by the rest. Above 0 it is the
// background's turn. Pure; not thread-safe.
class ClassShares {
 public:
  // `background_share` of steps of up to `step_tokens`; 0 .. 1, both excluded.
  ClassShares(double background_share, int step_tokens)
      : share_(background_share),
        bound_(step_tokens * std::max(4 * background_share, 1 - background_share)) {}

  bool is_background_turn() const { return lag_ > 0; }
  // Of a step of `budget` tokens, what is kept for background work that has so much to run. What
  // rounding takes in one step comes back in another.
  int Reserved(int budget) const {
    const double share = share_ * budget;
    return static_cast<int>(is_background_turn() ? std::ceil(share) : share);
  }
  // Of a step whose interactive part costs as much as so many tokens and leaves room: what
  // background work may add, so that this part keeps 1 - share of its speed. Rounded as above.
  int Beside(double interactive) const {
    const double rows = share_ / (1 - share_) * interactive;
    return static_cast<int>(is_background_turn() ? std::ceil(rows) : rows);
  }
  // A step ran so many tokens of each. Bounded by four steps of interactive work or one of the
  // background's: a long time of one kind of load does not decide over a long time after it, and no
  // single step is forgotten.
  void Ran(int interactive, int background) {
    lag_ = std::clamp(lag_ + share_ * interactive - (1 - share_) * background, -bound_, bound_);
  }
  // One class alone has work: nobody competed for it, so it is not held against it later.
  void Reset() { lag_ = 0; }

 private:
  double share_;
  double bound_;
  double lag_ = 0;
};

}  // namespace steer
