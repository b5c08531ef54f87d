#include "unspool/gradient_flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "tensor/gemm.hpp"
#include "tensor/kernels.hpp"
#include "unspool/cells.hpp"
#include "unspool/ops.hpp"
#include "unspool/random.hpp"

namespace unspool {
namespace detail {
namespace {

constexpr int most_rounds = 300;
constexpr double settled = 1e-9;        // relative change at which a singular value is taken for found
constexpr int skipped = 32, kept = 96;  // rounds of the growth of D^k v: a complex pair turns, its mean growth does not
constexpr double far_apart = 1000;      // where gradients are said to vanish or explode

template <class T>
class Matrix {
 public:
  Matrix(std::span<const T> values, std::int64_t width) : values_(values), width_(width), other_(size()) {}

  /// v D^T or v D, in place.
  void multiply(std::vector<T>& v, bool transposed) {
    kernels::gemm<T>(false, transposed, 1, width_, width_, v.data(), width_, values_.data(), width_, false,
                     other_.data(), width_, workspace_);
    v.swap(other_);
  }
  double largest_singular_value() {
    std::vector<T> v = start();
    double found = 0;
    for (int round = 0; round < most_rounds; ++round) {
      multiply(v, true);
      multiply(v, false);
      const double before = found;
      found = std::sqrt(normalize(v));
      if (!(std::abs(found - before) > settled * found)) break;
    }
    return found;
  }
  double spectral_radius() {
    std::vector<T> v = start();
    double growth = 0;
    for (int round = 0; round < skipped + kept; ++round) {
      multiply(v, true);
      const double norm = normalize(v);
      if (norm == 0) return 0;
      if (round >= skipped) growth += std::log(norm);
    }
    return std::exp(growth / kept);
  }

 private:
  std::size_t size() const { return static_cast<std::size_t>(width_); }
  // Always the same, and in no direction that a weight matrix favours.
  std::vector<T> start() const {
    std::vector<T> v(size());
    Random random(Seed{0});
    for (T& x : v) x = static_cast<T>(random.normal());
    normalize(v);
    return v;
  }
  static double normalize(std::vector<T>& v) {
    double squares = 0;
    for (const T x : v) squares += static_cast<double>(x) * static_cast<double>(x);
    const double norm = std::sqrt(squares);
    if (norm > 0)
      for (T& x : v) x = static_cast<T>(static_cast<double>(x) / norm);
    return norm;
  }

  std::span<const T> values_;
  std::int64_t width_;
  std::vector<T> other_;
  kernels::Workspace workspace_;
};

/// Least squares of log10_reach over t, through the identity at t = 0; a product that is all zeros has no slope.
double fitted_slope(const std::vector<StepFlow>& steps) {
  double xy = 0, xx = 0;
  for (std::size_t t = 0; t < steps.size(); ++t) {
    const double x = static_cast<double>(t + 1);
    xy += x * steps[t].log10_reach, xx += x * x;
  }
  return xx > 0 ? xy / xx : 0;
}

}  // namespace

template <Scalar T>
FlowMeter<T>::FlowMeter(std::int64_t width) try
    : width_(width), product_(static_cast<std::size_t>(width * width)), next_(product_.size()) {
  for (std::int64_t i = 0; i < width; ++i) product_[static_cast<std::size_t>(i * (width + 1))] = 1;
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "gradient_flow", "memory for matrices of {0} x {0} could not be had", width);
}

template <Scalar T>
void FlowMeter<T>::add(std::span<const T> jacobian) {
  kernels::Workspace workspace;
  kernels::gemm<T>(false, false, width_, width_, width_, jacobian.data(), width_, product_.data(), width_, false,
                   next_.data(), width_, workspace);
  product_.swap(next_);
  double largest = 0;
  for (const T x : product_) largest = std::max(largest, std::abs(static_cast<double>(x)));
  int exponent = 0;
  if (largest > 0 && std::isfinite(largest)) std::frexp(largest, &exponent);
  for (T& x : product_) x = std::ldexp(x, -exponent);
  exponent_ += exponent;

  Matrix<T> step(jacobian, width_), all(product_, width_);
  flow_.steps.push_back({.norm = step.largest_singular_value(),
                         .radius = step.spectral_radius(),
                         .log10_reach = exponent_ * std::log10(2.0) + std::log10(all.largest_singular_value())});
}

template <Scalar T>
GradientFlow FlowMeter<T>::finish() {
  flow_.rate = std::pow(10, fitted_slope(flow_.steps));
  return std::move(flow_);
}

template class FlowMeter<float>;
template class FlowMeter<double>;

void check_flow_input(const Shape& x, std::int64_t rows, std::int64_t row) {
  require(x.rank() >= 2 && x[1] == rows, ErrorCode::shape_mismatch, "gradient_flow", "xs must be [T,{},...]; given {}",
          rows, x.to_string());
  require(row >= 0 && row < rows, ErrorCode::bad_argument, "gradient_flow", "row must be in 0..{}; given {}", rows - 1,
          row);
}

}  // namespace detail

std::string flow_text(const GradientFlow& flow) {
  using detail::far_apart;
  if (flow.steps.empty()) return "no steps\n";
  const auto largest = std::ranges::max_element(flow.steps, {}, &StepFlow::norm);
  const auto smallest = std::ranges::min_element(flow.steps, {}, &StepFlow::norm);
  const double end = flow.steps.back().log10_reach, limit = std::log10(far_apart);
  std::string text =
      fmt::format("{} steps, a gradient times {:.3g} at most for each step back ", flow.steps.size(), flow.rate);
  if (std::isnan(end))
    text += "(not a number: a step's Jacobian is not finite)\n";
  else if (end < -limit)
    text += fmt::format("(vanishing: a thousandth is left after {:.0f} steps)\n",
                        std::ceil(-limit / std::log10(flow.rate)));
  else if (end > limit)
    text += fmt::format("(exploding: a thousand times as much after {:.0f} steps)\n",
                        std::ceil(limit / std::log10(flow.rate)));
  else
    text += fmt::format("(holding: 10^{:.1f} over all of them)\n", end);
  const auto describe = [&](const char* which, auto step) {
    text += fmt::format("  {} at t={}: largest singular value {:.3g}, spectral radius {:.3g}\n", which,
                        step - flow.steps.begin(), step->norm, step->radius);
  };
  describe("most", largest);
  describe("least", smallest);
  return text;
}

}  // namespace unspool
