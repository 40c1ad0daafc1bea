#pragma once

#include <string>
#include <vector>

#include "tests/server/server_fixture.h"

namespace steer {

// A server whose signals are swept.
class CurveTest : public ServerTest {
 protected:
  v1::SweepRequest SweepOf(const std::string& signal, int pairs, std::vector<double> multipliers) {
    v1::ScoreRequest some;
    AddPairs(pairs, some);
    v1::SweepRequest request;
    *request.mutable_pairs() = some.pairs();
    request.mutable_control()->set_signal(signal);
    for (const double m : multipliers) request.mutable_multipliers()->add_values(m);
    return request;
  }

  // The curves, each after as many points as it has.
  std::vector<v1::Curve> SweepAll(const v1::SweepRequest& request) {
    grpc::ClientContext context;
    const auto reader = analysis_->Sweep(&context, request);
    v1::SweepResponse response;
    std::vector<v1::Curve> curves;
    int points = 0;
    while (reader->Read(&response)) {
      if (response.has_point()) {
        ++points;
        EXPECT_EQ(response.point().control_set(), static_cast<int>(curves.size()));
      }
      if (!response.has_curve()) continue;
      EXPECT_EQ(points, response.curve().points_size());
      points = 0;
      curves.push_back(response.curve());
    }
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return curves;
  }
  v1::Curve Sweep(const v1::SweepRequest& request) {
    const std::vector<v1::Curve> curves = SweepAll(request);
    EXPECT_EQ(curves.size(), 1U);
    return curves.empty() ? v1::Curve() : curves.front();
  }
  // What it is refused for.
  v1::ErrorDetail Refused(const v1::SweepRequest& request) {
    grpc::ClientContext context;
    const auto reader = analysis_->Sweep(&context, request);
    v1::SweepResponse response;
    while (reader->Read(&response)) {
    }
    EXPECT_FALSE(reader->Finish().ok());
    return DetailIn(context);
  }

  v1::ListCurvesResponse List(const std::string& signal) {
    grpc::ClientContext context;
    v1::ListCurvesRequest request;
    request.set_signal(signal);
    v1::ListCurvesResponse response;
    EXPECT_TRUE(analysis_->ListCurves(&context, request, &response).ok());
    return response;
  }
};

}  // namespace steer
