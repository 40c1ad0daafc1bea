#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// The names a template may use and what they take. What is not here is refused when a template is
// loaded, not when a conversation happens to come by it.
namespace steer::jinja {

struct Signature {
  absl::string_view name;
  std::vector<absl::string_view> parameters;
  size_t required = 0;
  bool takes_more = false;       // further arguments, which have no names
  bool by_keyword_only = false;  // arguments without a name are all further ones
};

// Null if there is none.
const Signature* FindFilter(absl::string_view name);
const Signature* FindTest(absl::string_view name);
const Signature* FindMethod(absl::string_view name);
const Signature* FindFunction(absl::string_view name);

// Methods that change what they are called on; the reference's sandbox does not let templates.
bool ChangesItsObject(absl::string_view method);
// Whether a value of that kind has the method.
bool TextHas(absl::string_view method);
bool DictHas(absl::string_view method);

}  // namespace steer::jinja
