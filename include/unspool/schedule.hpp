// Learning-rate schedules: plain values that map a step number, counted from 0, to the rate of that step.
//
//   us::CosineLR schedule{.lr = 3e-3, .steps = 10'000, .warmup = 500};
//   adam.set_lr(schedule(step));
//
// Every schedule throws bad_argument where it is asked for a negative step or its numbers make no sense.
#pragma once

#include <cstdint>

#include "unspool/export.hpp"

namespace unspool {

/// lr at every step.
struct UNSPOOL_API ConstantLR {
  double lr = 1e-3;
  double operator()(std::int64_t step) const;
};

/// Linear warm-up: lr (step + 1) / warmup for the first `warmup` steps, then lr (Goyal et al., arXiv:1706.02677, 2.2).
struct UNSPOOL_API WarmupLR {
  double lr = 1e-3;
  std::int64_t warmup = 0;
  double operator()(std::int64_t step) const;
};

/// Step decay: lr gamma^floor(step / step_size), as torch.optim.lr_scheduler.StepLR.
struct UNSPOOL_API StepLR {
  double lr = 1e-3;
  std::int64_t step_size = 1;
  double gamma = 0.1;
  double operator()(std::int64_t step) const;
};

/// lr gamma^step, as torch.optim.lr_scheduler.ExponentialLR.
struct UNSPOOL_API ExponentialLR {
  double lr = 1e-3;
  double gamma = 0.99;
  double operator()(std::int64_t step) const;
};

/// Half a cosine from lr to min_lr over `steps` steps, min_lr after them (Loshchilov and Hutter, ICLR 2017, eq. 5,
/// one period; without warm-up it is torch.optim.lr_scheduler.CosineAnnealingLR). The first `warmup` of the steps
/// rise linearly as in WarmupLR and the cosine has the others.
struct UNSPOOL_API CosineLR {
  double lr = 1e-3;
  std::int64_t steps = 1;
  std::int64_t warmup = 0;
  double min_lr = 0;
  double operator()(std::int64_t step) const;
};

/// One cycle (Smith and Topin, arXiv:1708.07120), as torch.optim.lr_scheduler.OneCycleLR with cosine annealing: from
/// max_lr / div_factor up to max_lr at pct_start of the steps, then down to that start / final_div_factor.
struct UNSPOOL_API OneCycleLR {
  double max_lr = 1e-2;
  std::int64_t total_steps = 2;
  double pct_start = 0.3;
  double div_factor = 25;
  double final_div_factor = 1e4;
  double operator()(std::int64_t step) const;
};

}  // namespace unspool
