#include "core/model/hf_rope.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/model/rope_scaling.h"

namespace steer {
namespace {

absl::StatusOr<std::string> TypeOf(JsonFields& fields) {
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> type, fields.String("rope_type"));
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> older, fields.String("type"));
  if (type && older && *type != *older) {
    return InvalidField(fields.PathOf("type"), Quoted(*older),
                        absl::StrCat("the same as rope_type, ", Quoted(*type)));
  }
  return type ? *type : older.value_or("default");
}

absl::Status ReadLlama3(JsonFields& fields, const RopeSurroundings& surroundings,
                        RopeConfig& rope) {
  Llama3Scaling scaling;
  STEER_ASSIGN_OR_RETURN(scaling.factor, fields.Positive("factor", std::nullopt));
  STEER_ASSIGN_OR_RETURN(scaling.low_factor, fields.Positive("low_freq_factor", std::nullopt));
  STEER_ASSIGN_OR_RETURN(scaling.high_factor, fields.Positive("high_freq_factor", std::nullopt));
  STEER_ASSIGN_OR_RETURN(scaling.original_positions,
                         fields.Positive("original_max_position_embeddings",
                                         static_cast<double>(surroundings.positions)));
  if (scaling.high_factor <= scaling.low_factor) {
    return InvalidField(fields.PathOf("high_freq_factor"), absl::StrCat(scaling.high_factor),
                        absl::StrCat("more than low_freq_factor, ", scaling.low_factor));
  }
  rope.divisors = Llama3Divisors(scaling, rope.theta, surroundings.rotary_dim);
  return absl::OkStatus();
}

// Up to the original context the short factors hold, beyond it the long ones: for all positions,
// also those already cached. We stay on this side of it.
absl::Status ReadLongRope(JsonFields& fields, const RopeSurroundings& surroundings,
                          HfRope& result) {
  if (!surroundings.longrope) {
    return FieldError(
        absl::StatusCode::kUnimplemented,
        {"UNSUPPORTED_MODEL", fields.PathOf("rope_type"), "'longrope'", "LongRoPE in phi3 only"});
  }
  STEER_ASSIGN_OR_RETURN(const std::optional<std::vector<double>> factors,
                         fields.Numbers("short_factor"));
  fields.Ignore({"long_factor"});
  if (!factors || static_cast<int64_t>(factors->size()) != surroundings.rotary_dim / 2) {
    return InvalidField(fields.PathOf("short_factor"),
                        absl::StrCat(factors ? factors->size() : 0, " numbers"),
                        absl::StrCat(surroundings.rotary_dim / 2));
  }
  STEER_ASSIGN_OR_RETURN(const int64_t own, fields.Int("original_max_position_embeddings",
                                                       surroundings.positions, 2, 1 << 24));
  const int64_t original = surroundings.original.value_or(own);
  const double stretched =
      static_cast<double>(surroundings.positions) / static_cast<double>(original);
  STEER_ASSIGN_OR_RETURN(const double factor, fields.Positive("factor", stretched));
  STEER_ASSIGN_OR_RETURN(result.rope.amplitude,
                         fields.Positive("attention_factor",
                                         LongRopeAmplitude(factor, static_cast<double>(original))));
  result.rope.divisors = *factors;
  result.positions = std::min(result.positions, original);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<HfRope> ReadRope(std::optional<JsonFields> fields,
                                const RopeSurroundings& surroundings) {
  HfRope result{.rope = {.theta = surroundings.theta}, .positions = surroundings.positions};
  if (!fields) return result;
  STEER_ASSIGN_OR_RETURN(result.rope.theta, fields->Positive("rope_theta", surroundings.theta));
  STEER_ASSIGN_OR_RETURN(const std::string type, TypeOf(*fields));
  fields->Ignore({"partial_rotary_factor"});  // in rotary_dim
  if (type == "default") {
    fields->Ignore({"factor", "original_max_position_embeddings"});
  } else if (type == "linear") {
    fields->Ignore({"original_max_position_embeddings"});
    STEER_ASSIGN_OR_RETURN(const double factor, fields->Positive("factor", std::nullopt));
    result.rope.divisors = LinearDivisors(factor, surroundings.rotary_dim);
  } else if (type == "llama3") {
    STEER_RETURN_IF_ERROR(ReadLlama3(*fields, surroundings, result.rope));
  } else if (type == "longrope" || type == "su") {
    STEER_RETURN_IF_ERROR(ReadLongRope(*fields, surroundings, result));
  } else {
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNSUPPORTED_MODEL", fields->PathOf("rope_type"), Quoted(type),
                       "default, linear, llama3 or longrope"});
  }
  STEER_RETURN_IF_ERROR(fields->RefuseOthers());
  return result;
}

}  // namespace steer
