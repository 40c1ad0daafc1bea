// Jobs that outlive the process, and the data sets they learn from.

#include <string>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/learning_fixture.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

constexpr char kDefinition[] = "what the test asked for";

class JobRestartTest : public LearningFixture {
 protected:
  static LearnSpec Spec(int steps, double dropout = 0.1) {
    TrainSpec train{.carrier = {SignalKind::kLora}};
    train.params = PublishedParams(SplitParams{}, SignalKind::kLora);
    train.params.steps = steps;
    train.params.dropout = dropout;
    LearnSpec spec{.pairs = kPairs, .learner = train};
    spec.definition = kDefinition;
    return spec;
  }

  // Follows a job until it has done so many steps, or ended.
  void AwaitSteps(const std::string& id, int steps) {
    runtime_->jobs()
        .Watch(
            id, [steps](const JobRecord& job) { return job.done < steps; }, [] { return false; })
        .IgnoreError();
  }
  // As after a stop of the server.
  void Restart(const LearnSpec& spec) {
    runtime_.reset();
    Start();
    runtime_->ResumeJobs([&](const std::string& definition) -> absl::StatusOr<LearnSpec> {
      if (definition != kDefinition) return absl::DataLossError("another definition");
      return spec;
    });
  }
};

TEST_F(JobRestartTest, AnInterruptedRunGoesOnAndLearnsTheSame) {
  const LearnSpec spec = Spec(60);
  const std::string whole = Ended(spec).outcome.signal_id;
  const auto job = runtime_->StartJob(spec);
  ASSERT_TRUE(job.ok()) << job.status();
  AwaitSteps(job->id, 10);
  runtime_.reset();
  Start();
  EXPECT_EQ(runtime_->jobs().Get(job->id)->state, JobState::kQueued);
  int first = -1;
  runtime_->ResumeJobs([&](const std::string&) { return spec; });
  JobRecord last;
  const auto on_change = [&](const JobRecord& record) {
    if (first < 0 && record.state == JobState::kRunning && record.total == 60) first = record.done;
    last = record;
    return true;
  };
  ASSERT_TRUE(runtime_->jobs().Watch(job->id, on_change, [] { return false; }).ok());
  EXPECT_EQ(last.state, JobState::kSucceeded) << last.status;
  EXPECT_GE(first, 10);
  EXPECT_EQ(last.outcome.signal_id, whole);
  EXPECT_EQ(last.outcome.results.at("steps"), 60);
}

TEST_F(JobRestartTest, AnInterruptedSearchKeepsTheLayersItHas) {
  LearnSpec spec = Spec(20);
  spec.held_out = {kPairs[0]};
  spec.search = LayerSearch{.layers = {0, 1, 2}};
  const JobRecord whole = Ended(spec);
  ASSERT_EQ(whole.state, JobState::kSucceeded) << whole.status;
  const auto job = runtime_->StartJob(spec);
  ASSERT_TRUE(job.ok()) << job.status();
  AwaitSteps(job->id, 25);  // in the second layer
  Restart(spec);
  const JobRecord last = End(job->id);
  EXPECT_EQ(last.state, JobState::kSucceeded) << last.status;
  EXPECT_EQ(ToJson(last.outcome.layers), ToJson(whole.outcome.layers));
}

TEST_F(JobRestartTest, WaitingJobsGoOnAndFinishedOnesStay) {
  const auto running = runtime_->StartJob(Spec(100000));
  const auto waiting = runtime_->StartJob(Spec(3));
  const auto cancelled = runtime_->StartJob(Spec(3));
  ASSERT_TRUE(running.ok() && waiting.ok() && cancelled.ok());
  AwaitSteps(running->id, 1);
  ASSERT_TRUE(runtime_->jobs().Cancel(cancelled->id).ok());
  Restart(Spec(3));
  // The definition says less now than what was done: the run begins anew.
  EXPECT_EQ(End(running->id).state, JobState::kSucceeded);
  EXPECT_EQ(End(waiting->id).state, JobState::kSucceeded);
  EXPECT_EQ(runtime_->jobs().Get(cancelled->id)->state, JobState::kCancelled);
  const std::string signal = runtime_->jobs().Get(waiting->id)->outcome.signal_id;
  runtime_.reset();
  Start();
  EXPECT_EQ(runtime_->jobs().Get(waiting->id)->outcome.signal_id, signal);
  EXPECT_EQ(runtime_->jobs().List().size(), 3U);
}

TEST_F(JobRestartTest, AJobThatCannotBeReadAgainFailsAndSaysWhy) {
  const auto job = runtime_->StartJob(Spec(100000));
  ASSERT_TRUE(job.ok()) << job.status();
  runtime_.reset();
  Start();
  runtime_->ResumeJobs([](const std::string&) { return absl::DataLossError("unreadable"); });
  const JobRecord record = *runtime_->jobs().Get(job->id);
  EXPECT_EQ(record.state, JobState::kFailed);
  EXPECT_THAT(std::string(record.status.message()), HasSubstr("unreadable"));
}

TEST_F(JobRestartTest, LearnsFromRowsOfADataSetThatStaysAsLongAsItIsNeeded) {
  std::string file;
  for (const PolarPair& pair : kPairs)
    file += pair.question + "," + pair.positive + "," + pair.negative + "\n";
  const auto put = runtime_->PutDataset("question,matching,not_matching\n" + file,
                                        {.format = DatasetFormat::kCsv}, "words", "");
  ASSERT_TRUE(put.ok()) << put.status();
  LearnSpec spec = Spec(100000);
  spec.pairs.clear();
  spec.dataset = DatasetSelection{.dataset = "words", .count = 2};
  spec.held_out_dataset = DatasetSelection{.dataset = "words", .first = 2};
  const auto job = runtime_->StartJob(spec);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->dataset, put->id);
  EXPECT_EQ(job->held_out_dataset, put->id);
  EXPECT_EQ(runtime_->DeleteDataset(put->id).code(), absl::StatusCode::kFailedPrecondition);
  // The name moves; the job goes on with what it began with.
  ASSERT_TRUE(
      runtime_->PutDataset("question,positive\nq,p\n", {.format = DatasetFormat::kCsv}, "words", "")
          .ok());
  std::get<TrainSpec>(spec.learner).params.steps = 3;
  Restart(spec);
  const JobRecord last = End(job->id);
  ASSERT_EQ(last.state, JobState::kSucceeded) << last.status;
  EXPECT_EQ(last.dataset, put->id);
  EXPECT_EQ(last.outcome.results.at("held_out_pairs"), 1);
  EXPECT_TRUE(runtime_->DeleteDataset(put->id).ok());

  const auto refused = [&](const DatasetSelection& selection) {
    spec.dataset = selection;
    return DetailOf(runtime_->StartJob(spec).status()).value_or(ErrorDetail()).field;
  };
  EXPECT_EQ(refused({.dataset = "none"}), "dataset.dataset");
  EXPECT_EQ(refused({.dataset = "words", .first = 1}), "dataset.first");
  EXPECT_EQ(refused({.dataset = "words"}), "dataset.row 1");  // it has no negative answer
}

}  // namespace
}  // namespace steer
