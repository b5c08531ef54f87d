// Derivatives beyond the gradient, from the same rules: products with Jacobians and Hessians, by forward mode and by
// forward over reverse mode on a tape of duals. docs/derivatives.md tells which to use when.
//
//   const auto loss = [&](auto& tape, auto& params) {   // generic: runs on real numbers and on duals
//     us::LSTM lstm(params, "rnn", {.input = I, .hidden = H});
//     return mean(square(lstm(tape.input(x)).outputs - tape.input(target)));
//   };
//   auto [value, tangent] = us::jvp(loss, params, direction);             // d loss(params + s direction) / ds
//   auto [at, gradient, product] = us::hvp(loss, params, direction);      // the Hessian times the direction
//
// Every function comes in three forms, by what f is given and the derivative is by:
//   f(tape, params)      by all parameters of a set; directions and results have one tensor for each, in its order
//   f(tape, x)           by one tensor
//   f(tape, params, x)   by that tensor, with parameters that are constants
// f returns a Var on the tape, the same one at every call. Its parameters are a copy of the caller's, in the tape's
// scalar, whose names are known: a model that f builds finds them. Frozen parameters are constants. The caller's values
// and gradients are not touched. Computed in double where duals are (all but vjp), also for float.
//
// All throw shape_mismatch for a direction that does not fit, wrong_tape for a result from elsewhere, unsupported for
// an op that has no rule for duals, out_of_memory, and what f throws.
#pragma once

#include <utility>

#include "unspool/parameter.hpp"

namespace unspool {

/// One tensor for each parameter of a set.
template <RealScalar T>
using TensorList = std::vector<Tensor<T>>;

struct DerivativeOptions {
  std::uint64_t seed = 0;  ///< of dropout masks, the same at every call of f
};

template <RealScalar T>
struct JvpResult {
  Tensor<T> value;    ///< f
  Tensor<T> tangent;  ///< J v, of f's shape
};
template <RealScalar T, class List>
struct VjpResult {
  Tensor<T> value;  ///< f
  List gradient;    ///< Jᵀ u
};
template <RealScalar T, class List>
struct HvpResult {
  T value;        ///< f
  List gradient;  ///< ∇f
  List product;   ///< ∇²f v
};
template <RealScalar T, class List>
struct GnvpResult {
  T value;       ///< loss(f)
  List product;  ///< Jᵀ ∇²loss J v
};

enum class JacobianMode : std::uint8_t {
  automatic,  ///< forward unless f has fewer values than x
  forward,    ///< one recording of duals for each value of x
  reverse     ///< one recording and walk for each value of f
};

struct JacobianOptions {
  JacobianMode mode = JacobianMode::automatic;
  std::uint64_t seed = 0;  ///< of dropout masks
};

namespace detail {

/// f with its type forgotten, on tapes of U.
template <Scalar U>
struct Traced {
  void* f;
  Var<U> (*call)(void* f, Tape<U>& tape, ParameterSet<U>& params, const Var<U>& x);
};
/// Where the derivative is taken: by x where there is one, by the parameters otherwise.
template <RealScalar T>
struct Point {
  const ParameterSet<T>* params;
  const Tensor<T>* x;
};

template <Scalar U, bool with_params, bool with_x, class F>
Traced<U> traced(F& f) {
  return {const_cast<void*>(static_cast<const void*>(__builtin_addressof(f))),
          [](void* function, [[maybe_unused]] Tape<U>& tape, [[maybe_unused]] ParameterSet<U>& params,
             [[maybe_unused]] const Var<U>& x) {
            F& g = *static_cast<F*>(function);
            if constexpr (with_params && with_x)
              return Var<U>(g(tape, params, x));
            else if constexpr (with_params)
              return Var<U>(g(tape, params));
            else
              return Var<U>(g(tape, x));
          }};
}

// Defined in the library for float and double.
template <RealScalar T>
UNSPOOL_API JvpResult<T> jvp(Traced<Dual<double>> f, Point<T> at, std::span<const Tensor<T>> direction,
                             std::uint64_t seed);
template <RealScalar T>
UNSPOOL_API VjpResult<T, TensorList<T>> vjp(Traced<T> f, Point<T> at, const Tensor<T>& cotangent, std::uint64_t seed);
template <RealScalar T>
UNSPOOL_API HvpResult<T, TensorList<T>> hvp(Traced<Dual<double>> f, Point<T> at, std::span<const Tensor<T>> direction,
                                            std::uint64_t seed);
template <RealScalar T>
UNSPOOL_API GnvpResult<T, TensorList<T>> gnvp(Traced<Dual<double>> f, Traced<Dual<double>> loss, Point<T> at,
                                              std::span<const Tensor<T>> direction, std::uint64_t seed);
template <RealScalar T>
UNSPOOL_API Tensor<T> jacobian(Traced<Dual<double>> forward, Traced<T> reverse, Point<T> at,
                               const JacobianOptions& options);

template <RealScalar T>
std::span<const Tensor<T>> one(const Tensor<T>& x) {
  return {&x, 1};
}

}  // namespace detail

/// Forward mode: f and its derivative along `direction`, J v, in one recording of duals. Costs a few recordings of f,
/// whatever the number of parameters, and no walk.
template <RealScalar T, class F>
JvpResult<T> jvp(F&& f, const ParameterSet<T>& params, const TensorList<T>& direction,
                 const DerivativeOptions& options = {}) {
  return detail::jvp<T>(detail::traced<Dual<double>, true, false>(f), {&params, nullptr}, direction, options.seed);
}
template <RealScalar T, class F>
JvpResult<T> jvp(F&& f, const Tensor<T>& x, const Tensor<T>& direction, const DerivativeOptions& options = {}) {
  return detail::jvp<T>(detail::traced<Dual<double>, false, true>(f), {nullptr, &x}, detail::one(direction),
                        options.seed);
}
template <RealScalar T, class F>
JvpResult<T> jvp(F&& f, const ParameterSet<T>& params, const Tensor<T>& x, const Tensor<T>& direction,
                 const DerivativeOptions& options = {}) {
  return detail::jvp<T>(detail::traced<Dual<double>, true, true>(f), {&params, &x}, detail::one(direction),
                        options.seed);
}

/// Reverse mode: f and Jᵀ u for a cotangent u of f's shape. What Tape::backward() computes, with parameters and
/// gradients left alone. On a tape of T.
template <RealScalar T, class F>
VjpResult<T, TensorList<T>> vjp(F&& f, const ParameterSet<T>& params, const Tensor<T>& cotangent,
                                const DerivativeOptions& options = {}) {
  return detail::vjp<T>(detail::traced<T, true, false>(f), {&params, nullptr}, cotangent, options.seed);
}
template <RealScalar T, class F>
VjpResult<T, Tensor<T>> vjp(F&& f, const Tensor<T>& x, const Tensor<T>& cotangent,
                            const DerivativeOptions& options = {}) {
  auto [value, gradient] = detail::vjp<T>(detail::traced<T, false, true>(f), {nullptr, &x}, cotangent, options.seed);
  return {std::move(value), std::move(gradient[0])};
}
template <RealScalar T, class F>
VjpResult<T, Tensor<T>> vjp(F&& f, const ParameterSet<T>& params, const Tensor<T>& x, const Tensor<T>& cotangent,
                            const DerivativeOptions& options = {}) {
  auto [value, gradient] = detail::vjp<T>(detail::traced<T, true, true>(f), {&params, &x}, cotangent, options.seed);
  return {std::move(value), std::move(gradient[0])};
}

/// Forward over reverse mode: the exact product of f's Hessian with `direction`, and the gradient beside it
/// (Pearlmutter, Neural Computation 6(1), 1994). f returns one element; throws not_scalar, and no_gradient where it
/// depends on nothing.
template <RealScalar T, class F>
HvpResult<T, TensorList<T>> hvp(F&& f, const ParameterSet<T>& params, const TensorList<T>& direction,
                                const DerivativeOptions& options = {}) {
  return detail::hvp<T>(detail::traced<Dual<double>, true, false>(f), {&params, nullptr}, direction, options.seed);
}
template <RealScalar T, class F>
HvpResult<T, Tensor<T>> hvp(F&& f, const Tensor<T>& x, const Tensor<T>& direction,
                            const DerivativeOptions& options = {}) {
  auto r =
      detail::hvp<T>(detail::traced<Dual<double>, false, true>(f), {nullptr, &x}, detail::one(direction), options.seed);
  return {r.value, std::move(r.gradient[0]), std::move(r.product[0])};
}
template <RealScalar T, class F>
HvpResult<T, Tensor<T>> hvp(F&& f, const ParameterSet<T>& params, const Tensor<T>& x, const Tensor<T>& direction,
                            const DerivativeOptions& options = {}) {
  auto r =
      detail::hvp<T>(detail::traced<Dual<double>, true, true>(f), {&params, &x}, detail::one(direction), options.seed);
  return {r.value, std::move(r.gradient[0]), std::move(r.product[0])};
}

/// Gauss-Newton: Jᵀ H J v, where J is f's Jacobian and H the Hessian of loss(tape, z), a function of f's value z with
/// one element. Never negative along v where the loss is convex in z (Schraudolph, Neural Computation 14(7), 2002).
/// Throws not_scalar.
template <RealScalar T, class F, class L>
GnvpResult<T, TensorList<T>> gnvp(F&& f, L&& loss, const ParameterSet<T>& params, const TensorList<T>& direction,
                                  const DerivativeOptions& options = {}) {
  return detail::gnvp<T>(detail::traced<Dual<double>, true, false>(f), detail::traced<Dual<double>, false, true>(loss),
                         {&params, nullptr}, direction, options.seed);
}
template <RealScalar T, class F, class L>
GnvpResult<T, Tensor<T>> gnvp(F&& f, L&& loss, const Tensor<T>& x, const Tensor<T>& direction,
                              const DerivativeOptions& options = {}) {
  auto r =
      detail::gnvp<T>(detail::traced<Dual<double>, false, true>(f), detail::traced<Dual<double>, false, true>(loss),
                      {nullptr, &x}, detail::one(direction), options.seed);
  return {r.value, std::move(r.product[0])};
}
template <RealScalar T, class F, class L>
GnvpResult<T, Tensor<T>> gnvp(F&& f, L&& loss, const ParameterSet<T>& params, const Tensor<T>& x,
                              const Tensor<T>& direction, const DerivativeOptions& options = {}) {
  auto r = detail::gnvp<T>(detail::traced<Dual<double>, true, true>(f), detail::traced<Dual<double>, false, true>(loss),
                           {&params, &x}, detail::one(direction), options.seed);
  return {r.value, std::move(r.product[0])};
}

/// The whole Jacobian by x: f's axes, then x's. Throws unsupported where these are more than 8 axes.
template <RealScalar T, class F>
Tensor<T> jacobian(F&& f, const Tensor<T>& x, const JacobianOptions& options = {}) {
  return detail::jacobian<T>(detail::traced<Dual<double>, false, true>(f), detail::traced<T, false, true>(f),
                             {nullptr, &x}, options);
}
template <RealScalar T, class F>
Tensor<T> jacobian(F&& f, const ParameterSet<T>& params, const Tensor<T>& x, const JacobianOptions& options = {}) {
  return detail::jacobian<T>(detail::traced<Dual<double>, true, true>(f), detail::traced<T, true, true>(f),
                             {&params, &x}, options);
}

}  // namespace unspool
