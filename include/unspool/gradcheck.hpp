// check_gradients: holds what backward() computes against numeric differences, in double. For your own rules and
// models.
#pragma once

#include "unspool/parameter.hpp"
#include "unspool/tensor.hpp"

namespace unspool {

struct GradcheckOptions {
  double absolute = 1e-7;  ///< an entry passes where |backward - numeric| <= absolute + relative * |numeric|
  double relative = 1e-5;
  double step = 1e-3;  ///< of the differences, times |x| where that is above 0.1; smaller ones are tried on failure
  std::int64_t entries = 0;  ///< entries to try of each tensor, drawn by the seed; 0: every one
  std::uint64_t seed = 0;    ///< of the tape (dropout draws the same masks every time) and of the choice of entries
};

struct GradcheckResult {
  std::int64_t entries = 0;  ///< compared
  double worst = 0;          ///< the largest |backward - numeric| in units of what is allowed; at most 1
  std::string where;         ///< where that was: "encoder.weight_hh[2,5]"
};

namespace detail {

using GradcheckLoss = Var<double> (*)(void* function, Tape<double>& tape, std::span<const Var<double>> inputs);
UNSPOOL_API GradcheckResult check_gradients(GradcheckLoss loss, void* function, const ParameterSet<double>* params,
                                            std::span<const Tensor<double>> inputs, const GradcheckOptions& options,
                                            Where where);
template <class F>
void* erased(F& f) {
  return const_cast<void*>(static_cast<const void*>(__builtin_addressof(f)));
}

}  // namespace detail

/// Compares d(loss)/d(parameter) for every entry of every trainable parameter with five-point differences. f takes a
/// Tape<double>& and returns the loss, a Var<double> of one element, the same one at every call; it is called four
/// times an entry. Values and gradients of the parameters are afterwards what they were. Throws gradient_mismatch with
/// the worst entry, not_scalar, nonfinite, bad_argument (two calls at one point differ) and what f throws.
template <class F>
requires requires(F& f, Tape<double>& tape) { Var<double>(f(tape)); }
GradcheckResult check_gradients(F&& f, const ParameterSet<double>& params, const GradcheckOptions& options = {},
                                Where where = Where::current()) {
  const auto loss = [](void* function, Tape<double>& tape, std::span<const Var<double>>) {
    return Var<double>((*static_cast<std::remove_reference_t<F>*>(function))(tape));
  };
  return detail::check_gradients(loss, detail::erased(f), &params, {}, options, where);
}

/// The same for d(loss)/d(input): f takes a Tape<double>& and the inputs as variables, a std::span<const Var<double>>.
template <class F>
requires requires(F& f, Tape<double>& tape, std::span<const Var<double>> xs) { Var<double>(f(tape, xs)); }
GradcheckResult check_gradients(F&& f, std::span<const Tensor<double>> inputs, const GradcheckOptions& options = {},
                                Where where = Where::current()) {
  const auto loss = [](void* function, Tape<double>& tape, std::span<const Var<double>> xs) {
    return Var<double>((*static_cast<std::remove_reference_t<F>*>(function))(tape, xs));
  };
  return detail::check_gradients(loss, detail::erased(f), nullptr, inputs, options, where);
}
template <class F>
requires requires(F& f, Tape<double>& tape, std::span<const Var<double>> xs) { Var<double>(f(tape, xs)); }
GradcheckResult check_gradients(F&& f, std::initializer_list<Tensor<double>> inputs,
                                const GradcheckOptions& options = {}, Where where = Where::current()) {
  return check_gradients(f, std::span(inputs.begin(), inputs.size()), options, where);
}

/// Both at once: parameters and inputs.
template <class F>
requires requires(F& f, Tape<double>& tape, std::span<const Var<double>> xs) { Var<double>(f(tape, xs)); }
GradcheckResult check_gradients(F&& f, const ParameterSet<double>& params, std::span<const Tensor<double>> inputs,
                                const GradcheckOptions& options = {}, Where where = Where::current()) {
  const auto loss = [](void* function, Tape<double>& tape, std::span<const Var<double>> xs) {
    return Var<double>((*static_cast<std::remove_reference_t<F>*>(function))(tape, xs));
  };
  return detail::check_gradients(loss, detail::erased(f), &params, inputs, options, where);
}

}  // namespace unspool
