#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/analysis/polar_pair.h"
#include "core/learn/extraction_params.h"
#include "core/learn/training_params.h"
#include "core/signal/positions.h"

namespace steer {

// A vector made of activations at block_out.
struct ExtractionSpec {
  ExtractionParams params;
  int layer = -1;  // 0-based; negative = the middle layer
};

struct TrainSpec {
  // Without places: block_out of the middle layer, where a weight reads mlp_mid.
  CarrierSpec carrier;
  TrainingParams params;         // its positions are those below
  std::optional<double> epochs;  // instead of params.steps: so often every pair, with every sign
  // Default, as published: everywhere, but for a vector, which leaves out the template's head.
  std::optional<PositionRule> positions;
  // Whether answers are learnt with the suffix that ends a turn; default: yes with a chat template.
  std::optional<bool> end_of_turn;
};

// A signal to be learnt from polar pairs, and what it is called once it is.
struct LearnSpec {
  std::vector<PolarPair> pairs;
  // On which it is judged once it is learnt: its dose curve is measured, kept and fitted.
  std::vector<PolarPair> held_out;
  std::string system;  // system message; empty = the template's default
  std::variant<ExtractionSpec, TrainSpec> learner;
  std::string alias;  // moved to the new signal when not empty
  std::map<std::string, std::string> labels;
  std::string description;
};

}  // namespace steer
