// What the cells share: their four parameters and the input projection.
#include <cmath>

#include "base/check.hpp"
#include "unspool/cells.hpp"
#include "unspool/ops.hpp"

namespace unspool {

template <Scalar T>
Cell<T>::Cell(ParameterSet<T>& params, std::string name, const char* op, int gates, std::int64_t input,
              std::int64_t hidden, std::int64_t output, const CellInit& init, const std::string& suffix)
    : name_(std::move(name)), input_(input), hidden_(hidden), output_(output) {
  detail::require(input > 0 && hidden > 0, ErrorCode::bad_argument, op,
                  "input and hidden must be above 0; given {} and {} for \"{}\"", input, hidden, name_);
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const Init usual = uniform(-bound, bound);
  const auto add = [&](const char* what, const Shape& shape, const std::optional<Init>& asked) {
    return &params.add(parameter_name(what, suffix), shape, asked.value_or(usual));
  };
  const std::size_t known = params.size();
  weights_.weight_ih = add("weight_ih", {gates * hidden, input}, init.weight_ih);
  weights_.weight_hh = add("weight_hh", {gates * hidden, output}, init.weight_hh);
  weights_.bias_ih = add("bias_ih", {gates * hidden}, init.bias);
  weights_.bias_hh = add("bias_hh", {gates * hidden}, init.bias);
  fresh_ = params.size() > known;
}

template <Scalar T>
std::string Cell<T>::parameter_name(const char* what, const std::string& suffix) const {
  return (name_.empty() ? "" : name_ + ".") + what + suffix;
}

template <Scalar T>
Var<T> Cell<T>::project(const Operand<T>& x, Where where) const {
  return linear(x, *weights_.weight_ih, *weights_.bias_ih, where);
}

template class Cell<float>;
template class Cell<double>;
template class Cell<Dual<double>>;

}  // namespace unspool
