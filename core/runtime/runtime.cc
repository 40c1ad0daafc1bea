#include "core/runtime/runtime.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/engine/model_runner.h"
#include "core/runtime/activation_reader.h"
#include "core/runtime/admission.h"
#include "core/runtime/dispatcher.h"
#include "core/runtime/engine_scorer.h"
#include "core/runtime/kv_memory.h"
#include "core/runtime/live_generations.h"
#include "core/runtime/resident_model.h"
#include "core/runtime/resident_signals.h"
#include "core/runtime/worker_pool.h"
#include "core/store/formats/native.h"
#include "core/tokenizer/detokenizer.h"

namespace steer {
namespace {

constexpr int kBlockSize = 16;  // positions per KV block
constexpr int kMaxCompletions = 16;
constexpr int64_t kRetryDelayMs = 1000;
constexpr int64_t kResidentBudget = int64_t{1} << 30;  // bytes of signals on one device
constexpr int64_t kMaxBlocks = 1 << 24;

// Passes everything on and says when its completion has ended.
class LiveSink final : public EventSink {
 public:
  LiveSink(std::shared_ptr<EventSink> inner, LiveGenerations* live, RequestId id)
      : inner_(std::move(inner)), live_(live), id_(id) {}
  void OnPrompt(PromptEvent event) override { inner_->OnPrompt(std::move(event)); }
  void OnToken(TokenEvent event) override { inner_->OnToken(std::move(event)); }
  void OnFinished(FinishedEvent event) override {
    inner_->OnFinished(std::move(event));
    live_->Ended(id_);
  }

 private:
  const std::shared_ptr<EventSink> inner_;
  LiveGenerations* const live_;
  const RequestId id_;
};

absl::Status QueueFull(int limit) {
  absl::Status full = FieldError(
      absl::StatusCode::kResourceExhausted,
      {"QUEUE_FULL", "request", absl::StrCat("more than ", limit, " completions in flight"),
       "a retry after the delay"});
  SetRetryDelayMs(full, kRetryDelayMs);
  return full;
}

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
  if (options.inter_token_ms < 0) {
    return InvalidField("inter_token_ms", absl::StrCat(options.inter_token_ms),
                        "0 (no bound) or more");
  }
  if (options.devices.empty()) return InvalidField("devices", "none", "at least one");
  const std::set<std::string> distinct(options.devices.begin(), options.devices.end());
  if (distinct.size() != options.devices.size()) {
    return InvalidField("devices", absl::StrJoin(options.devices, ","), "each device once");
  }
  return absl::OkStatus();
}

}  // namespace

class Runtime::Impl {
 public:
  absl::Status Load(const RuntimeOptions& options);
  absl::StatusOr<Admitted> Generate(const GenerateSpec& spec,
                                    const std::vector<std::shared_ptr<EventSink>>& sinks);
  void Cancel(RequestId id);
  absl::StatusOr<std::vector<UpdatedCompletion>> Update(RequestId id, const std::string& signal,
                                                        std::optional<double> m1,
                                                        std::optional<double> m2);
  absl::StatusOr<std::vector<TokenPair>> ScoredPairs(const ScoreSpec& spec) const;
  absl::StatusOr<JobRecord> StartJob(const LearnSpec& spec);
  std::vector<PoolStats> Pools() const;

  // What the pools of one device share.
  struct Device {
    std::shared_ptr<const Decoder> decoder;
    std::unique_ptr<ResidentSignals> signals;
  };
  struct Pool {
    Device* device = nullptr;
    int64_t kv_cache_bytes = 0;
    std::unique_ptr<WorkerPool> worker;
  };

  // In this order: whoever uses something is destroyed before it. Jobs run units on the pools.
  ResidentModel model;
  std::unique_ptr<SignalStore> store;
  std::unique_ptr<Admission> admission;
  LiveGenerations live;
  std::atomic<RequestId> next_id{1};
  std::vector<std::unique_ptr<Device>> devices;
  std::vector<Pool> pools;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<JobQueue> jobs;
  std::atomic<bool> draining{false};
  int max_in_flight = 0;

 private:
  absl::Status StartPools(const RuntimeOptions& options);
  absl::StatusOr<int64_t> BlockCount(const RuntimeOptions& options, const Device& device) const;
  absl::Status StartPool(const RuntimeOptions& options, const std::string& name, int64_t blocks,
                         Pool& pool);
  absl::Status WarmUp(WorkerPool& pool);
  absl::StatusOr<JobOutcome> LearnVector(const LearnSpec& spec, int layer,
                                         const std::vector<ContrastPair>& pairs,
                                         JobContext& context);
};

absl::Status Runtime::Impl::Load(const RuntimeOptions& options) {
  STEER_RETURN_IF_ERROR(CheckOptions(options));
  max_in_flight = options.max_in_flight;
  STEER_ASSIGN_OR_RETURN(model, ResidentModel::Load(options));
  std::error_code error;
  std::filesystem::create_directories(options.state_directory, error);
  if (error) {
    return InvalidField("state_directory",
                        absl::StrCat("'", options.state_directory, "': ", error.message()),
                        "a directory that can be made and written");
  }
  STEER_ASSIGN_OR_RETURN(store, OpenSqliteStore(options.state_directory));
  for (const auto& decoder : model.decoders) {
    devices.push_back(std::make_unique<Device>());
    devices.back()->decoder = decoder;
    devices.back()->signals = std::make_unique<ResidentSignals>(
        store.get(), model.info.shape, decoder->dtype(), decoder->device(), kResidentBudget);
  }
  STEER_RETURN_IF_ERROR(StartPools(options));
  jobs = std::make_unique<JobQueue>();
  return absl::OkStatus();
}

// A quarter of what the device has to spare goes to the pools that share it, but no more than full
// contexts for all their sequences.
absl::StatusOr<int64_t> Runtime::Impl::BlockCount(const RuntimeOptions& options,
                                                  const Device& device) const {
  const ModelConfig& config = *model.config;
  const int64_t block_bytes = KvCache::BlockBytes(config, kBlockSize, device.decoder->dtype());
  int64_t bytes = options.kv_cache_mib << 20;
  if (options.kv_cache_mib == 0) {
    STEER_ASSIGN_OR_RETURN(const int64_t free, FreeMemory(device.decoder->device()));
    int64_t sharing = 0;
    for (const Pool& pool : pools) sharing += pool.device == &device ? 1 : 0;
    const int64_t full = block_bytes * options.max_sequences *
                         ((config.context_limit + kBlockSize - 1) / kBlockSize);
    bytes = std::min(free / 4 / sharing, full);
  }
  const int64_t blocks = std::min(bytes / block_bytes, kMaxBlocks);
  if (blocks >= 1) return blocks;
  return InvalidField("kv_cache_mib", absl::StrCat(options.kv_cache_mib),
                      absl::StrCat("at least ", block_bytes / (1 << 20) + 1, " for this model"));
}

absl::Status Runtime::Impl::StartPools(const RuntimeOptions& options) {
  for (const std::string& name : options.devices) {
    STEER_ASSIGN_OR_RETURN(const at::Device wanted, DeviceOf(name));
    Pool pool;
    for (const auto& device : devices) {
      if (device->decoder->device() == wanted) pool.device = device.get();
    }
    pools.push_back(std::move(pool));
  }
  std::vector<int64_t> blocks;
  for (const Pool& pool : pools) {
    STEER_ASSIGN_OR_RETURN(const int64_t count, BlockCount(options, *pool.device));
    blocks.push_back(count);
  }
  // Every pool must be able to take every request.
  const int64_t smallest = *std::min_element(blocks.begin(), blocks.end());
  const int positions =
      static_cast<int>(std::min<int64_t>(model.config->context_limit, smallest * kBlockSize));
  model.info.context_limit = positions;
  admission = std::make_unique<Admission>(Admission::Model{.vocabulary = model.info.vocabulary,
                                                           .marks = model.info.marks,
                                                           .tokenizer = model.tokenizer.get(),
                                                           .chat = model.chat.get(),
                                                           .generation = model.info.generation},
                                          store.get(), Admission::Limits{.positions = positions});
  std::vector<WorkerPool*> workers;
  for (size_t i = 0; i < pools.size(); ++i) {
    STEER_RETURN_IF_ERROR(StartPool(options, options.devices[i], blocks[i], pools[i]));
    STEER_RETURN_IF_ERROR(WarmUp(*pools[i].worker));
    workers.push_back(pools[i].worker.get());
  }
  dispatcher = std::make_unique<Dispatcher>(std::move(workers));
  return absl::OkStatus();
}

absl::Status Runtime::Impl::StartPool(const RuntimeOptions& options, const std::string& name,
                                      int64_t blocks, Pool& pool) {
  const Device& device = *pool.device;
  using Cache = absl::StatusOr<std::unique_ptr<KvCache>>;
  STEER_ASSIGN_OR_RETURN(
      std::unique_ptr<KvCache> cache, CatchTorch("allocating the KV cache", [&]() -> Cache {
        return std::make_unique<KvCache>(*model.config, static_cast<int>(blocks), kBlockSize,
                                         device.decoder->dtype(), device.decoder->device());
      }));
  pool.kv_cache_bytes = cache->bytes();
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int threads = options.threads > 0
                          ? options.threads
                          : std::max(1, cores / static_cast<int>(options.devices.size()));
  WorkerPool::Parts parts;
  parts.name = name;
  parts.options = {.step_tokens = options.step_tokens,
                   .max_sequences = options.max_sequences,
                   .block_size = kBlockSize,
                   .block_count = static_cast<int>(blocks),
                   .context_limit = model.info.context_limit,
                   .background_share = options.background_share,
                   .step_seconds = options.inter_token_ms / 1000.0,
                   .prefix_cache = options.prefix_cache,
                   .cache_format = absl::StrCat(model.info.fingerprint, ":", options.dtype)};
  parts.tokenizer = model.tokenizer.get();
  parts.runner = std::make_unique<ModelRunner>(device.decoder, std::move(cache), kBlockSize);
  // Each thread that starts parallel regions has a team of its own, of the size it asked for.
  parts.on_thread = [threads] { at::set_num_threads(threads); };
  parts.load = [signals = device.signals.get()](ControlSet& controls) {
    for (size_t i = 0; i < controls.size(); ++i) {
      auto signal = signals->Get(controls[i].signal_id);
      if (!signal.ok()) return Annotate(signal.status(), absl::StrCat("controls[", i, "]"));
      controls[i].signal = *std::move(signal);
    }
    return absl::OkStatus();
  };
  pool.worker = std::make_unique<WorkerPool>(std::move(parts));
  return absl::OkStatus();
}

absl::Status Runtime::Impl::WarmUp(WorkerPool& pool) {
  Dispatcher only({&pool});
  EngineScorer scorer(&only, &next_id, PreparedControls());
  ForcedText text;
  text.tokens = {0, 0, 0};
  text.layout.prompt_length = 1;
  const auto result = scorer.LogProbs({text}, 1.0, [] { return false; });
  return Annotate(result.status(), absl::StrCat("warm-up step of ", pool.name()));
}

absl::StatusOr<Admitted> Runtime::Impl::Generate(
    const GenerateSpec& spec, const std::vector<std::shared_ptr<EventSink>>& sinks) {
  if (draining) return Draining();
  if (spec.n < 1 || spec.n > kMaxCompletions || sinks.size() != static_cast<size_t>(spec.n)) {
    return InvalidField("n", absl::StrCat(spec.n), absl::StrCat("1..", kMaxCompletions));
  }
  Admitted admitted;
  admitted.n = spec.n;
  admitted.sampling = admission->Sampling(spec.sampling);
  STEER_ASSIGN_OR_RETURN(PreparedPrompt prompt, admission->Prompt(spec, admitted.sampling));
  STEER_RETURN_IF_ERROR(admission->CheckContinued(spec, admitted.sampling));
  STEER_ASSIGN_OR_RETURN(PreparedControls controls, admission->Controls(spec.controls));
  admitted.controls = std::move(controls.resolved);
  admitted.prompt_tokens = prompt.layout.prompt_length;
  admitted.truncated_tokens = prompt.truncated;
  admitted.model_fingerprint = model.info.fingerprint;
  if (spec.echo || spec.sampling.prompt_log_probs) {
    admitted.prompt = PromptText{
        prompt.tokens, steer::Detokenize(*model.tokenizer, prompt.tokens, /*with_special=*/true)};
  }

  Request request;
  request.tokens = std::move(prompt.tokens);
  request.tokens.insert(request.tokens.end(), spec.continue_tokens.begin(),
                        spec.continue_tokens.end());
  request.layout = prompt.layout;
  request.sampling = admitted.sampling;
  request.end_tokens = model.tokenizer->end_tokens();
  request.controls = std::move(controls.set);
  request.deadline = spec.deadline;
  request.arrival = Clock::now();
  STEER_ASSIGN_OR_RETURN(WorkerPool* const pool, dispatcher->Choose(request, spec.n));
  admitted.pool = pool->name();
  admitted.id = next_id.fetch_add(spec.n);

  const auto refuse = [&](absl::Status status, int places) {
    pool->GiveBack(places);
    return status;
  };
  if (spec.deadline) {
    const double left = std::chrono::duration<double>(*spec.deadline - request.arrival).count();
    if (!pool->CanComputeWithin(static_cast<int>(request.tokens.size()), left)) {
      return refuse(FieldError(absl::StatusCode::kDeadlineExceeded,
                               {"PROMPT_TAKES_TOO_LONG", "deadline", absl::StrCat(left, " s left"),
                                "time enough to compute the prompt after those that wait"}),
                    spec.n);
    }
  }
  LiveGenerations::Generation generation{
      .pool = pool, .completions = spec.n, .prompt_tokens = admitted.prompt_tokens, .controls = {}};
  for (const ResolvedControl& control : admitted.controls) {
    const MultiplierRun& last = request.controls[generation.controls.size()].multipliers.back();
    generation.controls.push_back({control.name, control.signal_id, last.m1, last.m2});
  }
  if (!live.Add(admitted.id, std::move(generation), max_in_flight)) {
    return refuse(QueueFull(max_in_flight), spec.n);
  }
  for (int i = 0; i < spec.n; ++i) {
    auto copy = std::make_unique<Request>(request);
    copy->id = admitted.id + i;
    copy->sampling.completion = i;
    // The prompt is the same for all: one tells of it, the others may share what it computed.
    if (i > 0) copy->sampling.prompt_log_probs.reset();
    copy->sink = std::make_shared<LiveSink>(sinks[i], &live, admitted.id);
    if (absl::Status submitted = pool->Submit(std::move(copy)); !submitted.ok()) {
      // Signals are the same for all: only the first can be refused.
      for (int rest = i; rest < spec.n; ++rest) live.Ended(admitted.id);
      return refuse(std::move(submitted), spec.n - i - 1);
    }
  }
  return admitted;
}

void Runtime::Impl::Cancel(RequestId id) {
  const std::optional<LiveGenerations::Generation> generation = live.Find(id);
  if (!generation) return;
  for (int i = 0; i < generation->completions; ++i) generation->pool->engine().Cancel(id + i);
}

absl::StatusOr<std::vector<UpdatedCompletion>> Runtime::Impl::Update(RequestId id,
                                                                     const std::string& signal,
                                                                     std::optional<double> m1,
                                                                     std::optional<double> m2) {
  if (m1) STEER_RETURN_IF_ERROR(admission->CheckMultiplier(*m1, "multiplier"));
  if (m2) STEER_RETURN_IF_ERROR(admission->CheckMultiplier(*m2, "bias_multiplier"));
  STEER_ASSIGN_OR_RETURN(const LiveGenerations::Change change, live.Resolve(id, signal, m1, m2));
  std::vector<UpdatedCompletion> updated;
  for (int i = 0; i < change.generation.completions; ++i) {
    const absl::StatusOr<int> position = change.generation.pool->engine().SetMultipliers(
        id + i, change.control, change.m1, change.m2);
    if (absl::IsNotFound(position.status())) continue;  // this one has ended
    STEER_RETURN_IF_ERROR(position.status());
    updated.push_back(
        {.completion = i,
         .position = *position,
         .first_token = std::max(0, *position - (change.generation.prompt_tokens - 1))});
  }
  if (updated.empty()) return NotFound("request_id", "running request", absl::StrCat(id));
  live.Changed(id, change);
  return updated;
}

absl::StatusOr<std::vector<TokenPair>> Runtime::Impl::ScoredPairs(const ScoreSpec& spec) const {
  const bool raw = spec.raw || !admission->has_chat_template();
  return admission->Pairs(
      spec.pairs,
      {.system = spec.system, .raw = raw, .end_of_turn = spec.end_of_turn.value_or(!raw)});
}

std::vector<PoolStats> Runtime::Impl::Pools() const {
  std::vector<PoolStats> all;
  std::set<const Device*> counted;
  for (const Pool& pool : pools) {
    PoolStats stats{.name = pool.worker->name(),
                    .engine = pool.worker->engine().stats(),
                    .block_size = kBlockSize,
                    .in_flight = pool.worker->in_flight(),
                    .kv_cache_bytes = pool.kv_cache_bytes};
    if (counted.insert(pool.device).second) {
      stats.signals_resident = pool.device->signals->count();
      stats.signals_lingering = pool.device->signals->lingering();
      stats.signal_bytes_resident = pool.device->signals->bytes();
      stats.weight_bytes = pool.device->decoder->weight_bytes();
    }
    all.push_back(std::move(stats));
  }
  return all;
}

absl::StatusOr<JobRecord> Runtime::Impl::StartJob(const LearnSpec& spec) {
  if (draining) return Draining();
  if (spec.layer >= model.info.shape.layers) {
    return InvalidField("difference_of_means.layer", absl::StrCat(spec.layer),
                        absl::StrCat("0..", model.info.shape.layers - 1));
  }
  const int layer = spec.layer < 0 ? model.info.shape.layers / 2 : spec.layer;
  // As the method's own code does it: the answer without the end-of-turn suffix.
  STEER_ASSIGN_OR_RETURN(const std::vector<TokenPair> pairs,
                         admission->Pairs(spec.pairs, {.system = spec.system,
                                                       .raw = !admission->has_chat_template(),
                                                       .end_of_turn = false}));
  std::vector<ContrastPair> contrast;
  contrast.reserve(pairs.size());
  for (const TokenPair& pair : pairs) contrast.push_back({pair.positive, pair.negative});
  return jobs->Start("difference_of_means",
                     [this, spec, layer, contrast = std::move(contrast)](JobContext& context) {
                       return LearnVector(spec, layer, contrast, context);
                     });
}

absl::StatusOr<JobOutcome> Runtime::Impl::LearnVector(const LearnSpec& spec, int layer,
                                                      const std::vector<ContrastPair>& pairs,
                                                      JobContext& context) {
  const Pool* pool = nullptr;
  for (const Pool& candidate : pools) {
    if (!candidate.worker->healthy()) continue;
    if (pool == nullptr || candidate.worker->in_flight() < pool->worker->in_flight()) {
      pool = &candidate;
    }
  }
  if (pool == nullptr) return absl::UnavailableError("every device has failed");
  STEER_ASSIGN_OR_RETURN(
      DifferenceOfMeansResult learnt,
      LearnDifferenceOfMeans(pairs, layer,
                             MakeActivationReader(&pool->worker->engine(), pool->device->decoder),
                             [&](int done, int total) { return context.Progress(done, total); }));
  SignalData signal;
  signal.kind = SignalKind::kVector;
  signal.updates.push_back(
      {.site = {layer, SiteKind::kBlockOut}, .read = Read::kSiteInput, .tensors = {}});
  signal.updates[0].tensors.emplace("v", std::move(learnt.v));
  signal.marks = model.info.marks;
  signal.default_positions.exclude_template_head = admission->has_chat_template();
  STEER_RETURN_IF_ERROR(Validate(signal, model.info.shape));
  STEER_ASSIGN_OR_RETURN(const SignalStore::PutResult put,
                         store->Put(signal, spec.labels, spec.description));
  if (!spec.alias.empty()) {
    STEER_RETURN_IF_ERROR(store->SetAlias(spec.alias, put.record.id, std::nullopt).status());
  }
  return JobOutcome{.signal_id = put.record.id,
                    .results = {{"layer", layer},
                                {"norm", learnt.norm},
                                {"mean_activation_norm", learnt.mean_activation_norm},
                                {"pairs", learnt.pairs}}};
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
  return impl_->Generate(spec, sinks);
}

void Runtime::Cancel(RequestId id) { impl_->Cancel(id); }

absl::StatusOr<std::vector<UpdatedCompletion>> Runtime::UpdateGeneration(RequestId id,
                                                                         const std::string& signal,
                                                                         std::optional<double> m1,
                                                                         std::optional<double> m2) {
  return impl_->Update(id, signal, m1, m2);
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
  for (const auto& device : impl_->devices) device->signals->Drop(std::string(id));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ResolvedControl>> Runtime::Resolve(
    const std::vector<ControlSpec>& controls) {
  STEER_ASSIGN_OR_RETURN(PreparedControls prepared, impl_->admission->Controls(controls));
  return std::move(prepared.resolved);
}

absl::Status Runtime::Score(const ScoreSpec& spec, const std::function<bool()>& cancelled,
                            const std::function<bool(ScorePoint)>& on_point) {
  if (impl_->draining) return Draining();
  STEER_ASSIGN_OR_RETURN(const std::vector<TokenPair> pairs, impl_->ScoredPairs(spec));
  STEER_ASSIGN_OR_RETURN(PreparedControls controls, impl_->admission->Controls(spec.controls));
  for (size_t i = 0; i < spec.multipliers.size(); ++i) {
    STEER_RETURN_IF_ERROR(impl_->admission->CheckFactor(controls, spec.multipliers[i],
                                                        absl::StrCat("multipliers[", i, "]")));
  }
  EngineScorer scorer(impl_->dispatcher.get(), &impl_->next_id, std::move(controls));
  return ScorePairs(scorer, pairs, spec.multipliers, cancelled, on_point);
}

absl::StatusOr<JobRecord> Runtime::StartJob(const LearnSpec& spec) { return impl_->StartJob(spec); }
JobQueue& Runtime::jobs() { return *impl_->jobs; }
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

std::vector<PoolStats> Runtime::pools() const { return impl_->Pools(); }
void Runtime::StartDraining() { impl_->draining = true; }
int Runtime::in_flight() const { return impl_->live.completions(); }

}  // namespace steer
