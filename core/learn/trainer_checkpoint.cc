// From where another Trainer goes on.

#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/files/safetensors.h"
#include "core/learn/trainer.h"

namespace steer {
namespace {

// Keys of the metadata beside the notes.
constexpr char kFormatKey[] = "format", kFormat[] = "training/1";
constexpr char kStepsKey[] = "steps_done", kOptimizerStepsKey[] = "optimizer_steps";

HostTensor ToHost(const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().to(at::kCPU).contiguous();
  HostTensor host = {values.scalar_type() == at::kDouble ? DType::kF64 : DType::kF32,
                     values.sizes().vec(), std::vector<std::byte>(values.nbytes())};
  std::memcpy(host.data.data(), values.data_ptr(), values.nbytes());
  return host;
}

// The tensors "<name>.0", "<name>.1", … like the parameters; none if the first is missing.
absl::StatusOr<std::vector<at::Tensor>> Take(const SafetensorsFile& file, absl::string_view name,
                                             const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> tensors;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string key = absl::StrCat(name, ".", i);
    const auto it = file.tensors().find(key);
    if (it == file.tensors().end() && i == 0) return tensors;
    const at::Tensor& like = parameters[i];
    const DType type = like.scalar_type() == at::kDouble ? DType::kF64 : DType::kF32;
    if (it == file.tensors().end() || it->second.dtype != type ||
        it->second.shape != like.sizes().vec()) {
      return InvalidField(absl::StrCat("checkpoint.", key), "none, or one of another kind",
                          ShapeString(like.sizes().vec()));
    }
    at::Tensor tensor = at::empty(like.sizes(), like.options().device(at::kCPU));
    std::memcpy(tensor.data_ptr(), it->second.bytes.data(), it->second.bytes.size());
    tensors.push_back(tensor.to(like.device()));
  }
  return tensors;
}

absl::StatusOr<int64_t> TakeCount(std::map<std::string, std::string>& notes, const char* key) {
  int64_t count = 0;
  if (!absl::SimpleAtoi(notes[key], &count) || count < 0) {
    return InvalidField(absl::StrCat("checkpoint.", key), Quoted(notes[key]), "a number of steps");
  }
  notes.erase(key);
  return count;
}

}  // namespace

std::string Trainer::Save(const Notes& notes) const {
  std::map<std::string, HostTensor> tensors;
  const auto add = [&tensors](const char* name, const std::vector<at::Tensor>& list) {
    for (size_t i = 0; i < list.size(); ++i)
      tensors.emplace(absl::StrCat(name, ".", i), ToHost(list[i]));
  };
  const Optimizer::Moments moments = optimizer_.Remembered();
  add("parameter", carrier_.parameters());
  add("first_moment", moments.first);
  add("second_moment", moments.second);
  add("best", best_);
  Notes metadata = notes;
  metadata[kFormatKey] = kFormat;
  metadata[kStepsKey] = absl::StrCat(steps_done_);
  metadata[kOptimizerStepsKey] = absl::StrCat(moments.steps);
  return WriteSafetensors(metadata, tensors);
}

absl::StatusOr<Trainer::Notes> Trainer::Restore(absl::string_view checkpoint) {
  STEER_ASSIGN_OR_RETURN(
      const std::shared_ptr<const SafetensorsFile> file,
      SafetensorsFile::Parse(std::as_bytes(std::span(checkpoint.data(), checkpoint.size()))));
  Notes notes = file->metadata();
  if (notes[kFormatKey] != kFormat)
    return InvalidField("checkpoint.format", Quoted(notes[kFormatKey]), kFormat);
  notes.erase(kFormatKey);
  STEER_ASSIGN_OR_RETURN(const int64_t steps, TakeCount(notes, kStepsKey));
  Optimizer::Moments moments;
  STEER_ASSIGN_OR_RETURN(moments.steps, TakeCount(notes, kOptimizerStepsKey));
  const std::vector<at::Tensor>& parameters = carrier_.parameters();
  STEER_ASSIGN_OR_RETURN(const std::vector<at::Tensor> values,
                         Take(*file, "parameter", parameters));
  STEER_ASSIGN_OR_RETURN(moments.first, Take(*file, "first_moment", parameters));
  STEER_ASSIGN_OR_RETURN(moments.second, Take(*file, "second_moment", parameters));
  STEER_ASSIGN_OR_RETURN(std::vector<at::Tensor> best, Take(*file, "best", parameters));
  if (values.empty() || moments.first.size() != moments.second.size() || steps > params_.steps)
    return InvalidField("checkpoint", "one of another run", "one of a run like this");
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < values.size(); ++i) {
    at::Tensor parameter = parameters[i];
    parameter.copy_(values[i]);
  }
  optimizer_.Remember(moments);
  best_ = std::move(best);
  steps_done_ = static_cast<int>(steps);
  return notes;
}

}  // namespace steer
