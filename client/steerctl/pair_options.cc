#include "client/steerctl/pair_options.h"

namespace steer {

void AddPairOptions(CLI::App& command, PairOptions& options) {
  command
      .add_option("file", options.path,
                  "JSON lines {\"question\", \"positive\", \"negative\"}; - is standard input")
      ->required();
  command.add_option("--system", options.system, "System message; default: the template's own");
  command.add_flag("--raw", options.raw, "No chat template")->excludes("--system");
  command
      .add_option("--end-of-turn", options.end_of_turn,
                  "Whether answers end with the template's end of turn;\ndefault: yes with a chat "
                  "template")
      ->type_name("yes|no")
      ->check(CLI::IsMember({"yes", "no"}).description(""));
  command.add_flag("--as-spelt", options.as_spelt,
                   "Answers count as they are given; default: in both\nspellings, with and "
                   "without a space before them");
}

}  // namespace steer
