#pragma once

#include <vector>

#include "core/analysis/curve_report.h"
#include "core/analysis/recommend.h"
#include "core/analysis/text_check.h"
#include "core/runtime/runtime.h"
#include "steer/v1/analysis.pb.h"
#include "steer/v1/common.pb.h"
#include "steer/v1/generation.pb.h"
#include "steer/v1/learning.pb.h"
#include "steer/v1/model.pb.h"
#include "steer/v1/signal.pb.h"

namespace steer {

// What the runtime answers into the messages that travel. Pure copying; no decisions.

v1::GenerationStarted ToProto(const Admitted& admitted);
v1::GenerationFinished ToProto(const Admitted& admitted, const FinishedEvent& finished);
// Without log-probabilities if `event` is null.
v1::PromptTokens ToProto(const PromptText& prompt, const PromptEvent* event);
v1::UpdatedCompletion ToProto(const UpdatedCompletion& completion);
v1::TopLogProbs ToProto(const TopLogProbs& top);
v1::ResolvedControl ToProto(const ResolvedControl& control);
v1::PositionRule ToProto(const PositionRule& rule);
v1::Signal ToProto(const SignalRecord& record);
v1::Alias ToProto(const AliasRecord& record);
v1::Job ToProto(const JobRecord& record);
v1::Dataset ToProto(const DatasetRecord& record);
v1::ScorePoint ToProto(const ScorePoint& point, bool omit_pairs);
v1::PreferenceSlope ToProto(const PreferenceSlope& slope);
v1::Curve ToProto(const CurveRecord& record, const CurveSummary* summary);  // null: no points
v1::FitCurveResponse ToProto(const FitReport& report);
v1::RecommendMultiplierResponse ToProto(const Recommendation& recommendation);
v1::TextPoint ToProto(const TextPoint& point, bool omit_texts);
v1::TextCheck ToProto(const TextCheck& check);
v1::ManifoldPoint ToProto(const ManifoldPoint& point);
v1::ManifoldSummary ToProto(const ManifoldSummary& summary);  // without the model's fingerprint
v1::Model ToProto(const ModelInfo& model, const std::vector<PoolStats>& pools);
v1::TokenizeResponse ToProto(const TokenizedText& text);

}  // namespace steer
