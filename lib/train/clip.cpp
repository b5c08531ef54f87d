#include "unspool/clip.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "tensor/kernels.hpp"

namespace unspool {
namespace {

// Squares of float gradients overflow beyond 1e19, just when clipping matters most: scaled by the largest element then.
template <class T>
double norm_of(std::span<const T> g) {
  const auto n = static_cast<std::int64_t>(g.size());
  const T squares = kernels::kernel_table<T>().sum_squares(n, g.data());
  if (std::isnormal(squares)) return std::sqrt(static_cast<double>(squares));
  double largest = 0;
  for (const T v : g) {
    if (!std::isfinite(v)) return std::abs(static_cast<double>(v));
    largest = std::max(largest, std::abs(static_cast<double>(v)));
  }
  if (largest == 0) return 0;
  double sum = 0;
  for (const T v : g) sum += (static_cast<double>(v) / largest) * (static_cast<double>(v) / largest);
  return largest * std::sqrt(sum);
}

template <class T>
bool has_gradient(const Parameter<T>& p) {
  return p.trainable() && !p.grad_is_zero();
}

}  // namespace

template <RealScalar T>
double clip_grad_norm(const ParameterSet<T>& params, double max_norm) {
  detail::require(max_norm > 0, ErrorCode::bad_argument, "clip_grad_norm", "max_norm must be above 0; given {}",
                  max_norm);
  double norm = 0;
  for (const Parameter<T>& p : params)
    if (has_gradient(p)) norm = std::hypot(norm, norm_of<T>(p.grad()));  // stays inf or NaN once it is
  const double scale = max_norm / (norm + 1e-6);
  if (!std::isfinite(norm) || scale >= 1) return norm;
  for (const Parameter<T>& p : params)
    if (has_gradient(p))
      kernels::kernel_table<T>().scale_grad(p.size(), p.grad().data(), static_cast<T>(scale), p.grad().data(), false);
  return norm;
}

template <RealScalar T>
void clip_grad_value(const ParameterSet<T>& params, double limit) {
  detail::require(limit > 0, ErrorCode::bad_argument, "clip_grad_value", "limit must be above 0; given {}", limit);
  const T bound = static_cast<T>(limit);
  for (const Parameter<T>& p : params)
    if (has_gradient(p))
      for (T& g : p.grad()) g = std::clamp(g, -bound, bound);
}

template double clip_grad_norm(const ParameterSet<float>&, double);
template double clip_grad_norm(const ParameterSet<double>&, double);
template void clip_grad_value(const ParameterSet<float>&, double);
template void clip_grad_value(const ParameterSet<double>&, double);

}  // namespace unspool
