#include "client/steerctl/method_settings.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/steerctl/command_line.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

using google::protobuf::FieldDescriptor;

// Sets a number, a switch or a choice of a method's message by its name.
absl::Status SetField(const std::string& text, google::protobuf::Message& message) {
  STEER_ASSIGN_OR_RETURN(const auto setting, ParseLabel(text));
  const auto& [name, value] = setting;
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const FieldDescriptor* const field = type.FindFieldByName(name);
  // Texts have options of their own.
  if (field == nullptr || field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) {
      if (type.field(i)->cpp_type() != FieldDescriptor::CPPTYPE_STRING)
        names.push_back(type.field(i)->name());
    }
    return InvalidField(
        "--set", Quoted(name),
        names.empty() ? "nothing: this method has no settings" : absl::StrJoin(names, ", "));
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    const auto* const choice = field->enum_type()->FindValueByName(absl::AsciiStrToUpper(value));
    if (choice == nullptr) {
      std::vector<std::string> names;
      names.reserve(field->enum_type()->value_count());
      for (int i = 0; i < field->enum_type()->value_count(); ++i)
        names.push_back(absl::AsciiStrToLower(field->enum_type()->value(i)->name()));
      return InvalidField(absl::StrCat("--set ", name), Quoted(value), absl::StrJoin(names, ", "));
    }
    message.GetReflection()->SetEnum(&message, field, choice);
    return absl::OkStatus();
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    bool on = false;
    if (!absl::SimpleAtob(value, &on))
      return InvalidField(absl::StrCat("--set ", name), Quoted(value), "true or false");
    message.GetReflection()->SetBool(&message, field, on);
    return absl::OkStatus();
  }
  if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_INT32) {
    int whole = 0;
    if (!absl::SimpleAtoi(value, &whole))
      return InvalidField(absl::StrCat("--set ", name), Quoted(value), "a whole number");
    message.GetReflection()->SetInt32(&message, field, whole);
    return absl::OkStatus();
  }
  double number = 0;
  if (!absl::SimpleAtod(value, &number))
    return InvalidField(absl::StrCat("--set ", name), Quoted(value), "a number");
  message.GetReflection()->SetDouble(&message, field, number);
  return absl::OkStatus();
}

}  // namespace

absl::Status SetFields(const std::vector<std::string>& settings,
                       google::protobuf::Message& message) {
  for (const std::string& text : settings) STEER_RETURN_IF_ERROR(SetField(text, message));
  return absl::OkStatus();
}

}  // namespace steer
