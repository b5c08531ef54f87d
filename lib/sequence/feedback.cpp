// Teacher forcing and scheduled sampling: what cells are given in place of their own outputs, and how often.
#include "unspool/feedback.hpp"

#include <cmath>

#include "base/check.hpp"

namespace unspool {

template <Scalar T>
Sequence<T> delayed(const Sequence<T>& xs, const Var<T>& initial, Where where) {
  const Shape rows = xs.packed().shape();
  std::vector<std::int64_t> wanted(rows.extents().begin(), rows.extents().end());
  wanted[0] = xs.batch();
  detail::require(initial.shape() == Shape(wanted), ErrorCode::shape_mismatch, "delayed",
                  "the initial rows must be {}, one for each row; given {}", Shape(wanted), initial.shape());
  const std::span<const std::int64_t> order = xs.sorted_indices();
  detail::Scratch<std::int64_t> places(*xs.packed().tape(), 2 * xs.total());
  std::int64_t* to = places.begin();
  std::int64_t before = -1;  // where the step before begins
  detail::StepWalk walk(xs.lengths(), order, false);
  while (walk.next()) {
    for (std::int64_t i = 0; i < walk.rows(); ++i) {
      *to++ = before < 0 ? 0 : 1;
      *to++ = before < 0 ? order[static_cast<std::size_t>(i)] : before + i;
    }
    before = walk.first();
  }
  return xs.with(
      gather_rows({initial, xs.packed()}, std::span<const std::int64_t>(places.begin(), places.size()), where));
}

namespace detail {

void check_forcing(const Handle& fed, const Handle& targets, bool same_lengths, double teacher) {
  constexpr const char* op = "teacher_forced";
  require(teacher >= 0 && teacher <= 1, ErrorCode::bad_argument, op, "teacher must be in 0..1; given {}", teacher);
  require(same_lengths, ErrorCode::shape_mismatch, op, "the targets must have the lengths of the inputs; they differ");
  const Shape of_state = shape_of(fed), of_targets = shape_of(targets);
  const bool alike =
      of_state.rank() == of_targets.rank() &&
      std::equal(of_state.extents().begin() + 1, of_state.extents().end(), of_targets.extents().begin() + 1);
  require(
      alike, ErrorCode::shape_mismatch, op,
      "targets must be as wide as the state's first Var, which they take the place of; they are {} packed, and it is "
      "{}",
      of_targets, of_state);
}

Handle forcing_coins(const Handle& targets, double teacher, Where where) {
  const Shape rows = shape_of(targets);
  std::vector<std::int64_t> extents(rows.extents().size(), 1);
  extents[0] = rows[0];
  return dropout(record_constant(*targets.tape(), Shape(extents), 1, where), 1 - teacher, where);
}

}  // namespace detail

namespace {

void check_step(std::int64_t step, const char* op) {
  detail::require(step >= 0, ErrorCode::bad_argument, op, "step must not be negative; given {}", step);
}

}  // namespace

double LinearDecay::operator()(std::int64_t step) const {
  check_step(step, "LinearDecay");
  detail::require(start >= 0 && start <= 1 && slope >= 0 && least >= 0 && least <= start, ErrorCode::bad_argument,
                  "LinearDecay", "0 <= least <= start <= 1 and slope >= 0 must hold; given {}, {} and {}", least, start,
                  slope);
  return std::max(least, start - slope * static_cast<double>(step));
}

double ExponentialDecay::operator()(std::int64_t step) const {
  check_step(step, "ExponentialDecay");
  detail::require(base > 0 && base < 1, ErrorCode::bad_argument, "ExponentialDecay",
                  "base must be above 0 and below 1; given {}", base);
  return std::pow(base, static_cast<double>(step));
}

double InverseSigmoidDecay::operator()(std::int64_t step) const {
  check_step(step, "InverseSigmoidDecay");
  detail::require(k >= 1, ErrorCode::bad_argument, "InverseSigmoidDecay", "k must be at least 1; given {}", k);
  return k / (k + std::exp(static_cast<double>(step) / k));
}

template UNSPOOL_API Sequence<float> delayed(const Sequence<float>&, const Var<float>&, Where);
template UNSPOOL_API Sequence<double> delayed(const Sequence<double>&, const Var<double>&, Where);
template UNSPOOL_API Sequence<Dual<double>> delayed(const Sequence<Dual<double>>&, const Var<Dual<double>>&, Where);

}  // namespace unspool
