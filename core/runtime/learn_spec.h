#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/analysis/polar_pair.h"
#include "core/learn/dataset.h"
#include "core/learn/early_stop.h"
#include "core/learn/extraction_params.h"
#include "core/learn/training_params.h"
#include "core/signal/positions.h"

namespace steer {

// A vector made of activations at block_out, or a kv signal of keys and values.
struct ExtractionSpec {
  ExtractionParams params;
  // 0-based; negative = the autoencoder's, or the middle layer; of a kv signal negative.
  int layer = -1;
  std::string autoencoder;  // of a feature selection: the id of a signal, which becomes its own
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
  EarlyStopParams early_stop;            // by the held-out pairs
  std::optional<double> reference_norm;  // of vectors; see TrainingRun
  bool subtract_swapped = false;         // likewise
  std::string autoencoder;  // of a feature shift: the id of a signal, which becomes the carrier's
};

// Learning at several layers: each one's signal is judged, the best gets the alias.
struct LayerSearch {
  std::vector<int> layers;        // 0-based, each once
  double max_utility_loss = 0.5;  // nats: the best gains most preference within it
};

// A signal to be learnt from polar pairs, and what it is called once it is.
struct LearnSpec {
  std::vector<PolarPair> pairs;             // or
  std::optional<DatasetSelection> dataset;  // where they are
  // On which it is judged once it is learnt: its dose curve is measured, kept and fitted.
  std::vector<PolarPair> held_out;
  std::optional<DatasetSelection> held_out_dataset;
  std::string system;  // system message; empty = the template's default
  std::variant<ExtractionSpec, TrainSpec> learner;
  std::optional<LayerSearch> search;  // instead of the learner's own layer
  // Not empty: the new signal gets the name DraftOf(alias), or with `promote` the alias itself.
  std::string alias;
  bool promote = false;
  std::map<std::string, std::string> labels;
  std::string description;
  // What the caller asked for, as whoever calls can read it again: any bytes with all examples, by
  // which the job goes on after a restart; and JSON without them, which the signal keeps.
  std::string definition;
  std::string settings;
};

// The name under which a signal for `alias` waits to be promoted.
inline std::string DraftOf(const std::string& alias) { return "drafts/" + alias; }

}  // namespace steer
