// The tape's watch for NaN and infinity, and the scans of whole values behind it and behind gradient norms.
#include <fmt/core.h>

#include <cmath>

#include "base/with_scalar.hpp"
#include "tape/tape_core.hpp"
#include "tensor/kernels.hpp"
#include "unspool/maths.hpp"

namespace unspool::detail {

bool has_nonfinite(ScalarType type, const void* values, std::int64_t count) {
  return with_scalar(
      type, [&]<class T>() { return kernels::kernel_table<T>().any_nonfinite(count, static_cast<const T*>(values)); });
}

double norm_of(ScalarType type, const void* values, std::int64_t count) {
  if (type == ScalarType::float64)
    return std::sqrt(kernels::kernel_table<double>().sum_squares(count, static_cast<const double*>(values)));
  // In double: the square of a float gradient can overflow or vanish where its norm does not. Of duals, the values.
  return with_scalar(type, [&]<class T>() {
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const double v = maths::value(static_cast<const T*>(values)[i]);
      sum += v * v;
    }
    return std::sqrt(sum);
  });
}

void TapeCore::watch_value(std::uint32_t index) {
  if (nodes_[index].rule->info.undefined) return;
  if (has_nonfinite(type_, nodes_[index].value, nodes_[index].size())) report_nonfinite("forward", index);
}

void TapeCore::watch_gradients(std::uint32_t index) {
  const Node& node = nodes_[index];
  for (std::uint32_t k = 0; k < node.arity; ++k) {
    const std::uint32_t input = node.inputs()[k];
    if (grads_[input] == nullptr) continue;
    if (has_nonfinite(type_, grads_[input], nodes_[input].size())) return report_nonfinite("backward", index);
  }
}

// Queued products reach their parameters only at a flush.
void TapeCore::watch_leaves() {
  for (const Leaf& leaf : leaves_)
    if (grads_[leaf.node] != nullptr && (local_gradients_ || !leaf.parameter->grad_is_zero) &&
        has_nonfinite(type_, grads_[leaf.node], nodes_[leaf.node].size()))
      return report_nonfinite("backward", leaf.node);
}

void TapeCore::report_nonfinite(const char* direction, std::uint32_t index) {
  const Node& node = nodes_[index];
  const std::string where = where_text(node.context, node.where, index);
  if (first_nonfinite_.empty()) nonfinite_node_ = index;
  if (first_nonfinite_.empty())
    first_nonfinite_ = fmt::format("{} of {}: first NaN or infinity; {}", direction, node.rule->info.name, where);
  if (options_.watch == Watch::raise)
    throw Error(ErrorCode::nonfinite, node.rule->info.name,
                fmt::format("the {} pass gave the first NaN or infinity", direction), where);
}

}  // namespace unspool::detail
