// Scans of whole values for the tape's watch and its gradient norms.
#include <cmath>

#include "tape/tape_core.hpp"
#include "tensor/kernels.hpp"

namespace unspool::detail {

bool has_nonfinite(ScalarType type, const void* values, std::int64_t count) {
  if (type == ScalarType::float32)
    return kernels::kernel_table<float>().any_nonfinite(count, static_cast<const float*>(values));
  return kernels::kernel_table<double>().any_nonfinite(count, static_cast<const double*>(values));
}

double norm_of(ScalarType type, const void* values, std::int64_t count) {
  if (type == ScalarType::float64)
    return std::sqrt(kernels::kernel_table<double>().sum_squares(count, static_cast<const double*>(values)));
  // In double: the square of a float gradient can overflow or vanish where its norm does not.
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const double v = static_cast<const float*>(values)[i];
    sum += v * v;
  }
  return std::sqrt(sum);
}

}  // namespace unspool::detail
