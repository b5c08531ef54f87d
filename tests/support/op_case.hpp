// One op with one sample's operands, recorded and walked in every way that the generic tests need.
#pragma once

#include <string>
#include <vector>

#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "support/samples.hpp"
#include "tape/tape_core.hpp"
#include "unspool/parameter.hpp"

namespace unspool::test {

using detail::Handle;

struct OpCase {
  const OpRule* rule = nullptr;
  Sample sample;
  std::vector<Tensor<double>> operands;
  Shape shape;            // of the output
  std::vector<double> y;  // in double
  std::vector<double> dy;

  std::string name() const { return fmt::format("{}: {}", rule->info.name, sample.text); }
  std::size_t arity() const { return operands.size(); }
  bool gradient(std::size_t i) const { return sample.operands[i].gradient; }
  bool finite() const;
};

/// The rule has a derivative or its output shares the operand's gradient.
inline bool differentiable(const OpRule& rule) { return rule.backward[1] != nullptr || rule.view != nullptr; }

/// Draws operands and dy and computes y. Throws what recording throws.
OpCase make_case(const OpRule& rule, const Sample& sample);
/// Every sample of the rule; throws for a rule without one.
std::vector<OpCase> cases_of(const OpRule& rule);
/// Every case of every rule with a derivative.
std::vector<OpCase> differentiable_cases();

template <class T>
Tensor<T> converted(const Tensor<double>& x) {
  return Tensor<T>(x.shape(), std::vector<T>(x.values().begin(), x.values().end()));
}

/// Leaves for the operands: variables, but inputs where no gradient is due or `fixed` says so.
template <class T>
std::vector<Handle> leaves(Tape<T>& tape, const OpCase& c, std::size_t fixed = ~std::size_t{0}) {
  std::vector<Handle> handles;
  for (std::size_t i = 0; i < c.arity(); ++i) {
    const Tensor<T> x = converted<T>(c.operands[i]);
    handles.push_back(c.gradient(i) && i != fixed ? tape.variable(x) : tape.input(x));
  }
  return handles;
}

template <class T>
Var<T> record_case(const OpCase& c, const std::vector<Handle>& operands, Where where = Where::current()) {
  return Var<T>(detail::record(*c.rule, operands, c.sample.attrs(), where));
}

template <class T>
void walk_back(Tape<T>& tape, const Var<T>& y, const std::vector<double>& dy) {
  const std::vector<T> seed(dy.begin(), dy.end());
  tape.backward(y, seed);
}

using Gradients = std::vector<std::vector<double>>;

/// Gradients of the leaves; an empty list where none is due.
template <class T>
Gradients gradients_of(const OpCase& c, const std::vector<Handle>& operands, std::size_t fixed = ~std::size_t{0}) {
  Gradients result(c.arity());
  for (std::size_t i = 0; i < c.arity(); ++i)
    if (c.gradient(i) && i != fixed) result[i] = doubles(Var<T>(operands[i]).grad());
  return result;
}

/// Fills the memory that the tape will hand out next with NaN: values, saved values, gradients and temporaries.
template <class T>
void poison(Tape<T>& tape);

/// Fresh leaves, one recording, one walk from dy.
template <class T>
Gradients gradients(const OpCase& c, const std::vector<double>& dy, std::vector<double>* y = nullptr) {
  Tape<T> tape;
  poison(tape);
  const std::vector<Handle> x = leaves(tape, c);
  const Var<T> out = record_case<T>(c, x);
  if (y != nullptr) *y = doubles(out.values());
  walk_back(tape, out, dy);
  return gradients_of<T>(c, x);
}

std::string difference(const Gradients& given, const Gradients& expected, Tolerance t = rounding);

/// d y[j] / d operand i [k] by five-point differences with the given step: rows j, columns k.
std::vector<std::vector<double>> numeric_jacobian(const OpCase& c, std::size_t i, double step);
/// The same from one walk for every y[j].
std::vector<std::vector<double>> walked_jacobian(const OpCase& c, std::size_t i);

}  // namespace unspool::test
