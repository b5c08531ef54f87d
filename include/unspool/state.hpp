// State: what a cell hands from step to step. Anything made of Vars is one: a Var, a struct of Vars such as LSTMState,
// a std::pair, std::tuple, std::array or std::vector of them, and any nesting of these. Numbers and enums inside are
// carried along. Each Var has the batch as its first axis, [B,...].
//
// A type that is none of these takes part by a member function
//   template <class F> void for_each_var(F&& f);   // f(var) for every Var, always in the same order
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "unspool/recording.hpp"

namespace unspool {

namespace detail {

template <class S>
inline constexpr bool is_var = false;
template <Scalar T>
inline constexpr bool is_var<Var<T>> = true;

template <class S>
concept VisitsVars = requires(S& s) {
  s.for_each_var([](auto&) {});
};
template <class S>
concept Range = requires(S& s) {
  s.begin() != s.end();
  *s.begin();
};
template <class S>
concept TupleLike = requires {
  std::tuple_size<S>::value;
};

// Stands for a member of any type, to count how many an aggregate has.
struct AnyMember {
  template <class M>
  operator M() const;
};
template <class S, class... Members>
consteval std::size_t member_count() {
  if constexpr (requires { S{Members{}..., AnyMember{}}; })
    return member_count<S, Members..., AnyMember>();
  else
    return sizeof...(Members);
}
template <class S>
consteval std::size_t part_count() {
  if constexpr (TupleLike<S>)
    return std::tuple_size<S>::value;
  else
    return member_count<S>();
}

}  // namespace detail

/// Calls f(var) for every Var of a state, in order of declaration. f may assign to it.
template <class S, class F>
void for_each_var(S& state, F&& f) {
  const auto visit = [&f](auto&... parts) { (for_each_var(parts, f), ...); };
  if constexpr (detail::is_var<std::remove_const_t<S>>) {
    f(state);
  } else if constexpr (std::is_arithmetic_v<S> || std::is_enum_v<S>) {
    // Carried along.
  } else if constexpr (detail::VisitsVars<S>) {
    state.for_each_var(f);
  } else if constexpr (detail::Range<S>) {
    for (auto& part : state) for_each_var(part, f);
  } else {
    static_assert(detail::TupleLike<S> || std::is_aggregate_v<S>,
                  "a state is a Var, a struct, tuple, array or vector of them, or has for_each_var(f)");
    constexpr std::size_t n = detail::part_count<std::remove_const_t<S>>();
    static_assert(n <= 8, "a struct of more than 8 members takes part by a member function for_each_var(f)");
    if constexpr (n == 1) {
      auto& [a] = state;
      visit(a);
    } else if constexpr (n == 2) {
      auto& [a, b] = state;
      visit(a, b);
    } else if constexpr (n == 3) {
      auto& [a, b, c] = state;
      visit(a, b, c);
    } else if constexpr (n == 4) {
      auto& [a, b, c, d] = state;
      visit(a, b, c, d);
    } else if constexpr (n == 5) {
      auto& [a, b, c, d, e] = state;
      visit(a, b, c, d, e);
    } else if constexpr (n == 6) {
      auto& [a, b, c, d, e, g] = state;
      visit(a, b, c, d, e, g);
    } else if constexpr (n == 7) {
      auto& [a, b, c, d, e, g, h] = state;
      visit(a, b, c, d, e, g, h);
    } else if constexpr (n == 8) {
      auto& [a, b, c, d, e, g, h, i] = state;
      visit(a, b, c, d, e, g, h, i);
    }
  }
}

namespace detail {

template <class S>
std::int64_t var_count(S& state) {
  std::int64_t count = 0;
  for_each_var(state, [&count](const auto&) { ++count; });
  return count;
}

/// The first Var of a state: what a cell that returns only its state has as output.
template <Scalar T, class S>
Var<T> first_var(S& state) {
  Var<T> first;
  bool found = false;
  for_each_var(state, [&](const Var<T>& v) {
    if (!found) first = v;
    found = true;
  });
  return first;
}

}  // namespace detail

/// Zeros of this shape on x's tape, as PyTorch's x.new_zeros(shape).
template <Scalar T>
Var<T> new_zeros(const Operand<T>& x, const Shape& shape, Where where = Where::current()) {
  return Var<T>(detail::record_constant(detail::tape_of(x, "new_zeros"), shape, 0, where));
}

/// The parameter's one leaf on x's tape. A cell needs it where an op has no other operand that is on a tape:
/// slice(parameter_on(x, W), 0, 0, H).
template <Scalar T>
Var<T> parameter_on(const Operand<T>& x, Parameter<T>& parameter, Where where = Where::current()) {
  return Var<T>(detail::record_parameter(detail::tape_of(x, "parameter_on"), *parameter.core(), where));
}

}  // namespace unspool
