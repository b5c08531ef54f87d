// Gradient clipping, between backward() and an optimiser's step().
#pragma once

#include "unspool/parameter.hpp"

namespace unspool {

/// Scales all gradients by max_norm / (norm + 1e-6) where that is below 1; norm is the Euclidean norm of all of them
/// taken as one vector (Pascanu, Mikolov and Bengio, ICML 2013, algorithm 1; the 1e-6 is PyTorch's). Returns the norm
/// before scaling. A norm that is not finite means a gradient that is not: it is returned, and nothing is scaled, so
/// test it with std::isfinite and skip the step. Throws bad_argument unless max_norm > 0.
template <RealScalar T>
double clip_grad_norm(const ParameterSet<T>& params, double max_norm);

/// Clamps every element of every gradient to -limit..limit; NaN stays. Throws bad_argument unless limit > 0.
template <RealScalar T>
void clip_grad_value(const ParameterSet<T>& params, double limit);

extern template UNSPOOL_API double clip_grad_norm(const ParameterSet<float>&, double);
extern template UNSPOOL_API double clip_grad_norm(const ParameterSet<double>&, double);
extern template UNSPOOL_API void clip_grad_value(const ParameterSet<float>&, double);
extern template UNSPOOL_API void clip_grad_value(const ParameterSet<double>&, double);

}  // namespace unspool
