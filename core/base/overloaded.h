#pragma once

namespace steer {

// Several lambdas as one visitor: std::visit(Overloaded{[](const A&) {…}, [](const B&) {…}},
// variant).
template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

}  // namespace steer
