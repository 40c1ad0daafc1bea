#pragma once

namespace steer {

// How many rows a step may have so that it takes no longer than a bound: the bound on the time
// between two tokens of those who are decoding while somebody else's prompt is computed in chunks.
// Learns seconds = fixed + rows * per_row from the steps it is told of, the latest counting most.
// Pure: equal observations give equal answers. Not thread-safe.
class ChunkSizer {
 public:
  // `bound_seconds` above 0; 0 = no bound.
  explicit ChunkSizer(double bound_seconds) : bound_(bound_seconds) {}

  void Observe(int rows, double seconds);
  // At most `rows`; `rows` while there is no bound or too little is known.
  int RowsWithin(int rows) const;
  // What the rows of a step cost, without the fixed part shared by all; 0 until steps of different
  // sizes have told the two apart.
  double SecondsPerRow() const { return fitted_ ? per_row_ : 0; }
  // How many rows cost as much as the fixed part; 0 as above.
  double FixedRows() const { return fitted_ ? fixed_ / per_row_ : 0; }
  // What a step of so many rows takes; 0 as above.
  double Seconds(int rows) const { return fitted_ ? fixed_ + per_row_ * rows : 0; }

 private:
  double bound_;
  double fixed_ = 0;
  double per_row_ = 0;
  bool fitted_ = false;  // by steps of different sizes
  int observed_ = 0;
  // Decaying sums of 1, rows, rows^2, seconds, rows * seconds.
  double n_ = 0, x_ = 0, xx_ = 0, y_ = 0, xy_ = 0;
};

}  // namespace steer
