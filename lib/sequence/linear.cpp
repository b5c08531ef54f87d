#include <cmath>

#include "base/check.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"

namespace unspool {

template <Scalar T>
Linear<T>::Linear(ParameterSet<T>& params, std::string name, const LinearOptions& options) : name_(std::move(name)) {
  detail::require(options.input > 0 && options.output > 0, ErrorCode::bad_argument, "Linear",
                  "input and output must be above 0; given {} and {} for \"{}\"", options.input, options.output, name_);
  const std::string prefix = name_.empty() ? "" : name_ + ".";
  const double bound = 1 / std::sqrt(static_cast<double>(options.input));
  const Init usual = uniform(-bound, bound);
  weight_ = &params.add(prefix + "weight", {options.output, options.input}, options.weight_init.value_or(usual));
  if (options.bias) bias_ = &params.add(prefix + "bias", {options.output}, options.bias_init.value_or(usual));
}

template <Scalar T>
Var<T> Linear<T>::operator()(const Var<T>& x, Where where) const {
  const LabelGuard scope = detail::enter_scope(detail::tape_of(x, "Linear"), name_);
  return bias_ == nullptr ? linear(x, *weight_, where) : linear(x, *weight_, *bias_, where);
}

template class Linear<float>;
template class Linear<double>;
template class Linear<Dual<double>>;

}  // namespace unspool
