#include "unspool/schedule.hpp"

#include <cmath>
#include <numbers>

#include "base/check.hpp"

namespace unspool {
namespace {

void check(const char* name, double lr, std::int64_t step) {
  detail::require(std::isfinite(lr) && lr >= 0, ErrorCode::bad_argument, name,
                  "the rate must be finite and at least 0; given {}", lr);
  detail::require(step >= 0, ErrorCode::bad_argument, name, "steps count from 0; given {}", step);
}

// From `start` at done = 0 to `end` at done = 1.
double half_cosine(double start, double end, double done) {
  return end + (start - end) * (1 + std::cos(std::numbers::pi * done)) / 2;
}

double ratio(std::int64_t a, std::int64_t b) { return static_cast<double>(a) / static_cast<double>(b); }

}  // namespace

double ConstantLR::operator()(std::int64_t step) const {
  check("ConstantLR", lr, step);
  return lr;
}

double WarmupLR::operator()(std::int64_t step) const {
  check("WarmupLR", lr, step);
  detail::require(warmup >= 0, ErrorCode::bad_argument, "WarmupLR", "warmup must be at least 0; given {}", warmup);
  return step < warmup ? lr * ratio(step + 1, warmup) : lr;
}

double StepLR::operator()(std::int64_t step) const {
  check("StepLR", lr, step);
  detail::require(step_size > 0, ErrorCode::bad_argument, "StepLR", "step_size must be above 0; given {}", step_size);
  detail::require(gamma >= 0, ErrorCode::bad_argument, "StepLR", "gamma must be at least 0; given {}", gamma);
  return lr * std::pow(gamma, static_cast<double>(step / step_size));
}

double ExponentialLR::operator()(std::int64_t step) const {
  check("ExponentialLR", lr, step);
  detail::require(gamma >= 0, ErrorCode::bad_argument, "ExponentialLR", "gamma must be at least 0; given {}", gamma);
  return lr * std::pow(gamma, static_cast<double>(step));
}

double CosineLR::operator()(std::int64_t step) const {
  check("CosineLR", lr, step);
  check("CosineLR", min_lr, step);
  detail::require(warmup >= 0 && steps > warmup, ErrorCode::bad_argument, "CosineLR",
                  "warmup must be at least 0 and below steps; given {} and {}", warmup, steps);
  if (step < warmup) return lr * ratio(step + 1, warmup);
  if (step >= steps) return min_lr;
  return half_cosine(lr, min_lr, ratio(step - warmup, steps - warmup));
}

double OneCycleLR::operator()(std::int64_t step) const {
  check("OneCycleLR", max_lr, step);
  detail::require(total_steps > 0, ErrorCode::bad_argument, "OneCycleLR", "total_steps must be above 0; given {}",
                  total_steps);
  detail::require(pct_start >= 0 && pct_start <= 1, ErrorCode::bad_argument, "OneCycleLR",
                  "pct_start must be in 0..1; given {}", pct_start);
  detail::require(div_factor > 0 && final_div_factor > 0, ErrorCode::bad_argument, "OneCycleLR",
                  "div_factor and final_div_factor must be above 0; given {} and {}", div_factor, final_div_factor);
  const double at = static_cast<double>(step), last = static_cast<double>(total_steps - 1);
  const double peak = pct_start * static_cast<double>(total_steps) - 1;
  const double start = max_lr / div_factor, end = start / final_div_factor;
  if (at <= peak) return peak == 0 ? max_lr : half_cosine(start, max_lr, at / peak);
  return at >= last ? end : half_cosine(max_lr, end, (at - peak) / (last - peak));
}

}  // namespace unspool
