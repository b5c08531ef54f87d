#include "unspool/schedule.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"

namespace us = unspool;

using doctest::Approx;

TEST_CASE("warm-up rises linearly to the full rate at its last step and stays there") {
  const us::WarmupLR schedule{.lr = 0.8, .warmup = 4};
  CHECK(schedule(0) == Approx(0.2));
  CHECK(schedule(1) == Approx(0.4));
  CHECK(schedule(3) == 0.8);
  CHECK(schedule(1000) == 0.8);
  CHECK(us::WarmupLR{.lr = 0.8}(0) == 0.8);
  CHECK(us::ConstantLR{.lr = 0.8}(7) == 0.8);
}

TEST_CASE("step decay falls at multiples of step_size, exponential decay at every step") {
  const us::StepLR steps{.lr = 1, .step_size = 3, .gamma = 0.5};
  CHECK(steps(2) == 1);
  CHECK(steps(3) == 0.5);
  CHECK(steps(8) == 0.25);
  const us::ExponentialLR falls{.lr = 2, .gamma = 0.5};
  CHECK(falls(0) == 2);
  CHECK(falls(5) == 0.0625);
}

TEST_CASE("the cosine starts at lr, is halfway at half time, ends at min_lr and stays there") {
  const us::CosineLR schedule{.lr = 1, .steps = 12, .warmup = 2, .min_lr = 0.2};
  CHECK(schedule(0) == 0.5);
  CHECK(schedule(1) == 1);
  CHECK(schedule(2) == 1);
  CHECK(schedule(7) == Approx(0.6));
  CHECK(schedule(12) == 0.2);
  CHECK(schedule(500) == 0.2);
  for (int step = 2; step < 12; ++step) CHECK(schedule(step + 1) < schedule(step));
}

TEST_CASE("one cycle rises to its peak and ends far below its start") {
  const us::OneCycleLR schedule{
      .max_lr = 1, .total_steps = 10, .pct_start = 0.4, .div_factor = 20, .final_div_factor = 100};
  CHECK(schedule(0) == Approx(0.05));
  CHECK(schedule(3) == Approx(1));
  CHECK(schedule(6) == Approx((1 + 0.0005) / 2));
  CHECK(schedule(9) == Approx(0.0005));
  CHECK(schedule(99) == Approx(0.0005));
  // A rise of a single step, and none at all: no division by zero.
  CHECK(us::OneCycleLR{.max_lr = 1, .total_steps = 4, .pct_start = 0.25}(0) == 1);
  CHECK(std::isfinite(us::OneCycleLR{.max_lr = 1, .total_steps = 4, .pct_start = 0}(0)));
  CHECK(std::isfinite(us::OneCycleLR{.max_lr = 1, .total_steps = 1, .pct_start = 1}(0)));
}

TEST_CASE("schedules reject negative steps and numbers without a meaning") {
  const double nan = std::nan("");
  UNSPOOL_CHECK_ERROR(us::ConstantLR{}(-1), bad_argument, "ConstantLR: steps count from 0; given -1");
  UNSPOOL_CHECK_ERROR(us::ConstantLR{.lr = nan}(0), bad_argument, "the rate must be finite");
  UNSPOOL_CHECK_ERROR(us::WarmupLR{.warmup = -1}(0), bad_argument, "WarmupLR: warmup must be");
  UNSPOOL_CHECK_ERROR(us::StepLR{.step_size = 0}(0), bad_argument, "step_size must be");
  UNSPOOL_CHECK_ERROR(us::StepLR{.gamma = nan}(0), bad_argument, "gamma must be");
  UNSPOOL_CHECK_ERROR(us::ExponentialLR{.gamma = -1}(0), bad_argument, "gamma must be");
  UNSPOOL_CHECK_ERROR((us::CosineLR{.steps = 5, .warmup = 5}(0)), bad_argument,
                      "warmup must be at least 0 and below steps");
  UNSPOOL_CHECK_ERROR((us::CosineLR{.steps = 5, .min_lr = -1}(0)), bad_argument, "the rate must be");
  UNSPOOL_CHECK_ERROR(us::OneCycleLR{.total_steps = 0}(0), bad_argument, "total_steps must be");
  UNSPOOL_CHECK_ERROR(us::OneCycleLR{.pct_start = 2}(0), bad_argument, "pct_start must be");
  UNSPOOL_CHECK_ERROR(us::OneCycleLR{.div_factor = 0}(0), bad_argument, "div_factor and");
}
