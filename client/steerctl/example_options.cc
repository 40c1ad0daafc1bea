#include "client/steerctl/example_options.h"

#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/pairs_file.h"
#include "client/steerctl/command_line.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

absl::StatusOr<v1::DatasetRows> ToRows(const ExampleOptions::Source& source,
                                       const std::string& prefix) {
  v1::DatasetRows rows;
  rows.set_dataset(source.dataset);
  if (!source.rows.empty()) {
    const std::pair<std::string, std::string> range = absl::StrSplit(source.rows, ':');
    int64_t first = 0, count = 0;
    if (!absl::SimpleAtoi(range.first, &first) ||
        (!range.second.empty() && !absl::SimpleAtoi(range.second, &count))) {
      return InvalidField(absl::StrCat(prefix, "rows"), Quoted(source.rows),
                          "FIRST or FIRST:COUNT, counted from 0");
    }
    rows.set_first(first);
    if (!range.second.empty()) rows.set_count(count);
  }
  for (const std::string& text : source.where) {
    STEER_ASSIGN_OR_RETURN(const auto label, ParseLabel(text));
    (*rows.mutable_where())[label.first] = label.second;
  }
  return rows;
}

void AddSource(CLI::App& command, ExampleOptions::Source& source, const std::string& prefix) {
  CLI::Option* const dataset = command.add_option(
      absl::StrCat("--", prefix, "dataset"), source.dataset, "Instead: a data set of the server");
  dataset->type_name("NAME");
  command
      .add_option(absl::StrCat("--", prefix, "rows"), source.rows,
                  "Of its rows, counted from 0; default: all")
      ->type_name("FIRST[:COUNT]")
      ->needs(dataset);
  command
      .add_option(absl::StrCat("--", prefix, "where"), source.where,
                  "Only rows with this label; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->needs(dataset)
      ->check([](const std::string& text) { return CheckText(ParseLabel(text).status()); });
}

}  // namespace

void AddExampleOptions(CLI::App& command, ExampleOptions& options) {
  command.add_option("file", options.pairs.path,
                     "JSON lines {\"question\", \"positive\", \"negative\"}; - is standard input");
  AddSource(command, options.pairs, "");
  command.add_option("--held-out", options.held_out.path,
                     "Other pairs, on which its dose curve is measured, kept and fitted");
  AddSource(command, options.held_out, "held-out-");
}

absl::Status SetExamples(const ExampleOptions& options, v1::StartJobRequest& request) {
  // A recipe may have named its own.
  const bool open = request.pairs().empty() && !request.has_dataset();
  if (options.pairs.path.empty() && options.pairs.dataset.empty() && open)
    return UsageError(InvalidField("examples", "none", "a file, or --dataset"));
  if (!options.pairs.path.empty() && !options.pairs.dataset.empty())
    return UsageError(InvalidField("examples", "two sources", "a file, or --dataset"));
  if (!options.held_out.path.empty() && !options.held_out.dataset.empty())
    return UsageError(
        InvalidField("held-out pairs", "two sources", "--held-out or --held-out-dataset"));
  if (!options.pairs.path.empty() || !options.pairs.dataset.empty()) {
    request.clear_pairs();
    request.clear_dataset();
  }
  if (!options.held_out.path.empty() || !options.held_out.dataset.empty()) {
    request.clear_held_out();
    request.clear_held_out_dataset();
  }
  const auto set = [](const ExampleOptions::Source& source, const std::string& prefix, auto* pairs,
                      auto rows) -> absl::Status {
    if (!source.path.empty()) {
      const auto read = ReadPairs(source.path);
      if (!read.ok()) return UsageError(read.status());
      pairs->Add(read->begin(), read->end());
    }
    if (source.dataset.empty()) return absl::OkStatus();
    absl::StatusOr<v1::DatasetRows> found = ToRows(source, prefix);
    if (!found.ok()) return UsageError(found.status());
    *rows() = *std::move(found);
    return absl::OkStatus();
  };
  STEER_RETURN_IF_ERROR(
      set(options.pairs, "--", request.mutable_pairs(), [&] { return request.mutable_dataset(); }));
  return set(options.held_out, "--held-out-", request.mutable_held_out(),
             [&] { return request.mutable_held_out_dataset(); });
}

}  // namespace steer
