// What the cells share: their four parameters and the input projection.
#include <cmath>

#include "base/check.hpp"
#include "unspool/cells.hpp"
#include "unspool/ops.hpp"

namespace unspool {

template <Scalar T>
Cell<T>::Cell(ParameterSet<T>& params, std::string name, const char* op, int gates, std::int64_t input,
              std::int64_t hidden, const CellInit& init, const std::string& suffix)
    : name_(std::move(name)), input_(input), hidden_(hidden) {
  detail::require(input > 0 && hidden > 0, ErrorCode::bad_argument, op,
                  "input and hidden must be above 0; given {} and {} for \"{}\"", input, hidden, name_);
  const std::string prefix = name_.empty() ? "" : name_ + ".";
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  const Init usual = uniform(-bound, bound);
  const Shape bias{gates * hidden};
  weights_.weight_ih =
      &params.add(prefix + "weight_ih" + suffix, {gates * hidden, input}, init.weight_ih.value_or(usual));
  weights_.weight_hh =
      &params.add(prefix + "weight_hh" + suffix, {gates * hidden, hidden}, init.weight_hh.value_or(usual));
  weights_.bias_ih = &params.add(prefix + "bias_ih" + suffix, bias, init.bias.value_or(usual));
  weights_.bias_hh = &params.add(prefix + "bias_hh" + suffix, bias, init.bias.value_or(usual));
}

template <Scalar T>
Var<T> Cell<T>::project(const Operand<T>& x, Where where) const {
  return linear(x, *weights_.weight_ih, *weights_.bias_ih, where);
}

template class Cell<float>;
template class Cell<double>;

}  // namespace unspool
