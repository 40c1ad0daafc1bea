#pragma once

#include <cstdint>

#include "client/steer_client.h"

namespace steer {

// A load: so many streams, each sending its next request when the last has ended. Everything drawn
// follows from `seed` and the request's number.
struct LoadOptions {
  ClientOptions connection;
  int streams = 4;
  double seconds = 30;       // how long, unless `requests` is given
  int64_t requests = 0;      // stop after so many instead; 0: go by time
  int prompt_tokens = 64;    // exact length of every prompt
  int shared_prefix = 0;     // so many tokens at its beginning are the same in all
  int max_tokens = 64;       // answers may end sooner, unless
  bool ignore_eos = false;   // the model's end tokens do not end them
  double steered_share = 0;  // 0..1 of the streams
  int signals = 1;           // distinct signals that the steered streams share in turn
  double multiplier = 1;
  double temperature = 1;
  double cancelled_share = 0;  // 0..1 of the requests, each before a token drawn at random
  bool background = false;     // scoring meanwhile, one request after the other
  uint64_t seed = 1;           // of prompts, signals, cancellations and sampling
};

}  // namespace steer
