#include <cmath>

#include "base/check.hpp"
#include "unspool/feedback.hpp"

namespace unspool {
namespace {

template <Scalar T>
Var<T> activated(const Var<T>& x, Activation activation, Where where) {
  switch (activation) {
    case Activation::tanh:
      return tanh(x, where);
    case Activation::sigmoid:
      return sigmoid(x, where);
    case Activation::softmax:
      return softmax(x, -1, where);
    default:
      return x;
  }
}

}  // namespace

template <Scalar T>
JordanCell<T>::JordanCell(ParameterSet<T>& params, std::string name, const JordanCellOptions& options,
                          const std::string& suffix)
    : name_(std::move(name)),
      input_(options.input),
      hidden_(options.hidden),
      output_(options.output),
      nonlinearity_(options.nonlinearity),
      activation_(options.activation) {
  detail::require(input_ > 0 && hidden_ > 0 && output_ > 0, ErrorCode::bad_argument, "JordanCell",
                  "input, hidden and output must be above 0; given {}, {} and {} for \"{}\"", input_, hidden_, output_,
                  name_);
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_));
  const auto add = [&](const char* what, const Shape& shape, const std::optional<Init>& asked) {
    return &params.add((name_.empty() ? "" : name_ + ".") + what + suffix, shape,
                       asked.value_or(uniform(-bound, bound)));
  };
  weight_ih_ = add("weight_ih", {hidden_, input_}, options.init.weight_ih);
  weight_yh_ = add("weight_yh", {hidden_, output_}, options.init.weight_hh);
  bias_ih_ = add("bias_ih", {hidden_}, options.init.bias);
  weight_hy_ = add("weight_hy", {output_, hidden_}, {});
  bias_hy_ = add("bias_hy", {output_}, options.init.bias);
}

template <Scalar T>
Var<T> JordanCell<T>::project(const Operand<T>& x, Where where) const {
  return linear(x, *weight_ih_, *bias_ih_, where);
}

template <Scalar T>
std::pair<Var<T>, Var<T>> JordanCell<T>::operator()(const Var<T>& x, const State& y, Where where) const {
  const LabelGuard scope = detail::enter_scope(detail::tape_of(x, "JordanCell"), name_);
  return step(project(x, where), y, where);
}

template <Scalar T>
std::pair<Var<T>, Var<T>> JordanCell<T>::step(const Var<T>& projected, const State& y, Where where) const {
  const Var<T> sum = add(projected, linear(y, *weight_yh_, where), where);
  const Var<T> h = nonlinearity_ == Nonlinearity::relu ? relu(sum, where) : tanh(sum, where);
  const Var<T> o = linear(h, *weight_hy_, *bias_hy_, where);
  return {o, activated(o, activation_, where)};
}

template class JordanCell<float>;
template class JordanCell<double>;
template class JordanCell<Dual<double>>;

}  // namespace unspool
