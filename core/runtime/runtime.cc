#include "core/runtime/runtime.h"

#include <atomic>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/admission.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/device_pools.h"
#include "core/runtime/dispatcher.h"
#include "core/runtime/generations.h"
#include "core/runtime/learning_jobs.h"
#include "core/runtime/live_generations.h"
#include "core/runtime/manifold_viewer.h"
#include "core/runtime/probes.h"
#include "core/runtime/resident_model.h"
#include "core/runtime/scoring.h"
#include "core/runtime/text_sampler.h"
#include "core/runtime/utility_budgets.h"
#include "core/signal/signal_data.h"
#include "core/store/formats/native.h"
#include "core/tokenizer/detokenizer.h"

namespace steer {
namespace {

absl::Status Draining() {
  return absl::UnavailableError("the server is draining; try another replica");
}

absl::Status CheckOptions(const RuntimeOptions& options) {
  for (const auto& [name, value] : {std::pair("step_tokens", options.step_tokens),
                                    std::pair("max_sequences", options.max_sequences),
                                    std::pair("max_in_flight", options.max_in_flight)}) {
    if (value < 1) return InvalidField(name, absl::StrCat(value), "1 or more");
  }
  if (!(options.background_share >= 0.01 && options.background_share <= 0.99)) {
    return InvalidField("background_share", absl::StrCat(options.background_share), "0.01 to 0.99");
  }
  if (!(options.probe_interval_seconds >= 0 && options.probe_interval_seconds <= 1e6)) {
    return InvalidField("probe_interval", absl::StrCat(options.probe_interval_seconds),
                        "0 (no probes) to 1e6 seconds");
  }
  if (!(options.probe_share >= 0.001 && options.probe_share <= 1)) {
    return InvalidField("probe_share", absl::StrCat(options.probe_share), "0.001 to 1");
  }
  if (options.inter_token_ms < 0) {
    return InvalidField("inter_token_ms", absl::StrCat(options.inter_token_ms),
                        "0 (no bound) or more");
  }
  if (options.devices.empty()) return InvalidField("devices", "none", "at least one");
  const std::set<std::string> distinct(options.devices.begin(), options.devices.end());
  if (distinct.size() != options.devices.size()) {
    return InvalidField("devices", absl::StrJoin(options.devices, ","), "each device once");
  }
  if (distinct.contains(options.learning_device)) {
    return InvalidField("learning_device", options.learning_device, "none of devices");
  }
  return absl::OkStatus();
}

}  // namespace

class Runtime::Impl {
 public:
  absl::Status Load(const RuntimeOptions& options);

  // In this order: whoever uses something is destroyed before it.
  ResidentModel model;
  std::unique_ptr<SignalStore> store;
  LiveGenerations live;  // the pools' threads tell it what has ended
  SignalUse use;
  std::atomic<RequestId> next_id{1};
  std::unique_ptr<DevicePools> pools;
  std::unique_ptr<const Admission> admission;
  std::unique_ptr<const ControlResolver> controls;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<UtilityBudgets> budgets;
  std::unique_ptr<Generations> generations;
  std::unique_ptr<Scoring> scoring;
  std::unique_ptr<TextSampler> texts;
  std::unique_ptr<Probes> probes;
  std::unique_ptr<ManifoldViewer> manifold;
  std::unique_ptr<LearningJobs> learning;
  std::atomic<bool> draining{false};
};

absl::Status Runtime::Impl::Load(const RuntimeOptions& options) {
  STEER_RETURN_IF_ERROR(CheckOptions(options));
  STEER_ASSIGN_OR_RETURN(model, ResidentModel::Load(options));
  std::error_code error;
  std::filesystem::create_directories(options.state_directory, error);
  if (error) {
    return InvalidField("state_directory",
                        absl::StrCat("'", options.state_directory, "': ", error.message()),
                        "a directory that can be made and written");
  }
  STEER_ASSIGN_OR_RETURN(store, OpenSqliteStore(options.state_directory));
  STEER_ASSIGN_OR_RETURN(pools, DevicePools::Start(options, &model, store.get(), &next_id));
  model.info.context_limit = pools->context_limit();
  admission = std::make_unique<Admission>(Admission::Model{.vocabulary = model.info.vocabulary,
                                                           .tokenizer = model.tokenizer.get(),
                                                           .chat = model.chat.get(),
                                                           .generation = model.info.generation,
                                                           .positions = pools->context_limit()});
  controls = std::make_unique<ControlResolver>(model.info.marks, store.get());
  dispatcher = std::make_unique<Dispatcher>(pools->workers());
  budgets = std::make_unique<UtilityBudgets>(CurveFingerprint(model.info), store.get());
  generations =
      std::make_unique<Generations>(Generations::Parts{.tokenizer = model.tokenizer.get(),
                                                       .admission = admission.get(),
                                                       .controls = controls.get(),
                                                       .budgets = budgets.get(),
                                                       .dispatcher = dispatcher.get(),
                                                       .live = &live,
                                                       .use = &use,
                                                       .next_id = &next_id,
                                                       .model_fingerprint = model.info.fingerprint,
                                                       .max_in_flight = options.max_in_flight});
  scoring = std::make_unique<Scoring>(Scoring::Parts{.admission = admission.get(),
                                                     .controls = controls.get(),
                                                     .pools = pools.get(),
                                                     .store = store.get(),
                                                     .model = &model.info,
                                                     .unit_rows = options.step_tokens});
  texts = std::make_unique<TextSampler>(TextSampler::Parts{.admission = admission.get(),
                                                           .controls = controls.get(),
                                                           .dispatcher = dispatcher.get(),
                                                           .pools = pools.get(),
                                                           .next_id = &next_id,
                                                           .unit_rows = options.step_tokens});
  STEER_ASSIGN_OR_RETURN(probes, Probes::Create({.scoring = scoring.get(),
                                                 .store = store.get(),
                                                 .use = &use,
                                                 .live = &live,
                                                 .model = &model.info},
                                                {.interval_seconds = options.probe_interval_seconds,
                                                 .share = options.probe_share}));
  manifold =
      std::make_unique<ManifoldViewer>(ManifoldViewer::Parts{.admission = admission.get(),
                                                             .controls = controls.get(),
                                                             .pools = pools.get(),
                                                             .store = store.get(),
                                                             .model = &model.info,
                                                             .unit_rows = options.step_tokens});
  STEER_ASSIGN_OR_RETURN(learning, LearningJobs::Create({.model = &model.info,
                                                         .admission = admission.get(),
                                                         .tokenizer = model.tokenizer.get(),
                                                         .pools = pools.get(),
                                                         .scoring = scoring.get(),
                                                         .store = store.get()}));
  return absl::OkStatus();
}

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::~Runtime() = default;

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::Create(const RuntimeOptions& options) {
  auto impl = std::make_unique<Impl>();
  STEER_RETURN_IF_ERROR(impl->Load(options));
  return std::unique_ptr<Runtime>(new Runtime(std::move(impl)));
}

absl::StatusOr<Admitted> Runtime::Generate(const GenerateSpec& spec,
                                           const std::vector<std::shared_ptr<EventSink>>& sinks) {
  if (impl_->draining) return Draining();
  return impl_->generations->Start(spec, sinks);
}

void Runtime::Cancel(RequestId id) { impl_->generations->Cancel(id); }

absl::StatusOr<std::vector<UpdatedCompletion>> Runtime::UpdateGeneration(RequestId id,
                                                                         const std::string& signal,
                                                                         std::optional<double> m1,
                                                                         std::optional<double> m2) {
  return impl_->generations->Update(id, signal, m1, m2);
}

absl::StatusOr<SignalStore::PutResult> Runtime::RegisterSignal(
    std::span<const std::byte> file, std::map<std::string, std::string> labels,
    std::string description) {
  STEER_ASSIGN_OR_RETURN(const SignalData signal, ParseNative(file));
  if (!signal.marks.shape.empty() && signal.marks.shape != impl_->model.info.marks.shape) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"OTHER_MODEL", "model_shape", signal.marks.shape,
         absl::StrCat(impl_->model.info.marks.shape, ", the resident model's, or none")});
  }
  STEER_RETURN_IF_ERROR(Validate(signal, impl_->model.info.shape));
  return impl_->store->Put(signal, std::move(labels), std::move(description));
}

SignalStore& Runtime::signals() { return *impl_->store; }

absl::Status Runtime::DeleteSignal(absl::string_view id, bool with_aliases) {
  STEER_RETURN_IF_ERROR(impl_->store->Delete(id, with_aliases));
  impl_->pools->Drop(std::string(id));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ResolvedControl>> Runtime::Resolve(
    const std::vector<ControlSpec>& controls) {
  STEER_ASSIGN_OR_RETURN(PreparedControls prepared, impl_->controls->Resolve(controls));
  return std::move(prepared.resolved);
}

absl::Status Runtime::Score(const ScoreSpec& spec, const std::function<bool()>& cancelled,
                            const ScoreListener& listener) {
  if (impl_->draining) return Draining();
  return impl_->scoring->Score(spec, cancelled, listener);
}

absl::StatusOr<CurveRecord> Runtime::Sweep(const SweepSpec& spec,
                                           const std::function<bool()>& cancelled,
                                           const ScoreListener& listener) {
  if (impl_->draining) return Draining();
  return impl_->scoring->Sweep(spec, cancelled, listener);
}

absl::Status Runtime::MeasureTexts(const TextSpec& spec, const std::function<bool()>& cancelled,
                                   const std::function<bool(TextPoint)>& on_point) {
  if (impl_->draining) return Draining();
  return impl_->texts->Measure(spec, cancelled, on_point);
}

absl::StatusOr<TextCheck> Runtime::CheckOnText(const CurveRecord& curve, double multiplier,
                                               TextSpec spec, double max_increase,
                                               const std::function<bool()>& cancelled) {
  if (impl_->draining) return Draining();
  return impl_->texts->Check(curve, multiplier, std::move(spec), max_increase, cancelled);
}

absl::StatusOr<ProbeState> Runtime::SetProbe(const std::string& signal, const PairSetSpec& pairs) {
  return impl_->probes->Set(signal, pairs);
}

absl::Status Runtime::DeleteProbe(const std::string& signal) {
  return impl_->probes->Delete(signal);
}

std::vector<ProbeState> Runtime::probes() const { return impl_->probes->States(); }

double Runtime::probe_seconds() const { return impl_->probes->busy_seconds(); }

absl::StatusOr<ManifoldSummary> Runtime::ViewManifold(const ManifoldSpec& spec,
                                                      const std::function<bool()>& cancelled,
                                                      const ManifoldListener& listener) {
  if (impl_->draining) return Draining();
  return impl_->manifold->View(spec, cancelled, listener);
}

absl::StatusOr<JobRecord> Runtime::StartJob(LearnSpec spec) {
  if (impl_->draining) return Draining();
  return impl_->learning->Start(std::move(spec));
}

void Runtime::ResumeJobs(
    const std::function<absl::StatusOr<LearnSpec>(const std::string& definition)>& read) {
  impl_->learning->Resume(read);
}

absl::StatusOr<DatasetRecord> Runtime::PutDataset(absl::string_view file,
                                                  const DatasetReading& reading,
                                                  const std::string& name,
                                                  std::string description) {
  return impl_->learning->datasets().Put(file, reading, name, std::move(description));
}

absl::Status Runtime::DeleteDataset(absl::string_view id) {
  return impl_->learning->DeleteDataset(id);
}

JobQueue& Runtime::jobs() { return impl_->learning->queue(); }
const ModelInfo& Runtime::model() const { return impl_->model.info; }

absl::StatusOr<TokenizedText> Runtime::Tokenize(const PromptSpec& prompt) const {
  STEER_ASSIGN_OR_RETURN(PreparedPrompt prepared, impl_->admission->Tokens(prompt));
  TokenizedText text;
  text.head_length = prepared.layout.head_length;
  for (const TokenId token : prepared.tokens) {
    text.pieces.push_back(impl_->model.tokenizer->Bytes(token, /*with_special=*/true));
  }
  text.tokens = std::move(prepared.tokens);
  return text;
}

absl::StatusOr<std::string> Runtime::Detokenize(const std::vector<TokenId>& tokens,
                                                bool with_special) const {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && tokens[i] < impl_->model.info.vocabulary) continue;
    return InvalidField(absl::StrCat("ids[", i, "]"), absl::StrCat(tokens[i]),
                        absl::StrCat("0..", impl_->model.info.vocabulary - 1));
  }
  return steer::Detokenize(*impl_->model.tokenizer, tokens, with_special);
}

std::vector<PoolStats> Runtime::pools() const { return impl_->pools->stats(); }
void Runtime::StartDraining() { impl_->draining = true; }
int Runtime::in_flight() const { return impl_->live.completions(); }

}  // namespace steer
