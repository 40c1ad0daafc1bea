#include "server/service_names.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "steer/v1/analysis.pb.h"
#include "steer/v1/generation.pb.h"
#include "steer/v1/learning.pb.h"
#include "steer/v1/model.pb.h"
#include "steer/v1/probe.pb.h"
#include "steer/v1/signal.pb.h"

namespace steer {
namespace {

std::vector<const google::protobuf::ServiceDescriptor*> Services() {
  std::vector<const google::protobuf::ServiceDescriptor*> services;
  for (const google::protobuf::FileDescriptor* file :
       {v1::GenerateRequest::descriptor()->file(), v1::Signal::descriptor()->file(),
        v1::ScoreRequest::descriptor()->file(), v1::Probe::descriptor()->file(),
        v1::Job::descriptor()->file(), v1::Model::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) services.push_back(file->service(i));
  }
  return services;
}

}  // namespace

std::vector<std::string> ServiceNames() {
  std::vector<std::string> names;
  for (const auto* service : Services()) names.push_back(service->full_name());
  return names;
}

std::vector<std::string> MethodNames() {
  std::vector<std::string> names;
  for (const auto* service : Services()) {
    for (int i = 0; i < service->method_count(); ++i) {
      names.push_back(absl::StrCat(service->full_name(), "/", service->method(i)->name()));
    }
  }
  return names;
}

}  // namespace steer
