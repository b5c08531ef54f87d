// Parameter updates: the numbers PyTorch 1.13 reaches, and every instruction set against the reference.
#include <doctest/doctest.h>

#include <functional>

#include "kernels_support.hpp"

using namespace unspool::kernels;
using namespace unspool::kernels::test;

namespace {

/// One optimiser: runs a step (from 1) on state held in three buffers.
template <class T>
struct Optimizer {
  const char* name;
  std::function<void(const KernelTable<T>&, int64_t step, int64_t n, const T* grad, T* param, T* first, T* second,
                     T* third)>
      update;
  std::vector<double> torch;  // parameters after five steps from `start`
};

const std::vector<double> start = {0.5, -1.2, 3.0, 0.01, -0.7};

template <class T>
Optimizer<T> sgd(const char* name, SgdArgs args, std::vector<double> torch) {
  return {name,
          [=](const KernelTable<T>& t, int64_t step, int64_t n, const T* grad, T* param, T* buffer, T*, T*) {
            SgdArgs now = args;
            now.first_step = step == 1;
            t.sgd(n, now, grad, param, args.momentum != 0 ? buffer : nullptr);
          },
          std::move(torch)};
}

template <class T>
Optimizer<T> adam(const char* name, AdamArgs args, std::vector<double> torch) {
  return {name,
          [=](const KernelTable<T>& t, int64_t step, int64_t n, const T* grad, T* param, T* m, T* v, T*) {
            AdamArgs now = args;
            now.step = step;
            t.adam(n, now, grad, param, m, v);
          },
          std::move(torch)};
}

template <class T>
Optimizer<T> rmsprop(const char* name, RmspropArgs args, std::vector<double> torch) {
  return {name,
          [=](const KernelTable<T>& t, int64_t, int64_t n, const T* grad, T* param, T* square, T* mean, T* buffer) {
            t.rmsprop(n, args, grad, param, square, args.centered ? mean : nullptr,
                      args.momentum > 0 ? buffer : nullptr);
          },
          std::move(torch)};
}

template <class T>
Optimizer<T> adagrad(const char* name, AdagradArgs args, std::vector<double> torch) {
  return {name,
          [=](const KernelTable<T>& t, int64_t step, int64_t n, const T* grad, T* param, T* sum, T*, T*) {
            AdagradArgs now = args;
            now.step = step;
            t.adagrad(n, now, grad, param, sum);
          },
          std::move(torch)};
}

// Expected values: torch 1.13.1, float64, printed as hexadecimal floats.
template <class T>
std::vector<Optimizer<T>> optimizers() {
  return {
      sgd<T>("sgd", {.lr = 0.1},
             {0x1.199999999999ap-1, -0x1.3333333333333p+0, 0x1.799999999999ap+1, 0x1.7ae147ae147aep-3,
              -0x1.b333333333333p-1}),
      sgd<T>("sgd momentum", {.lr = 0.1, .momentum = 0.9},
             {0x1.2024b33daf8e0p-1, -0x1.78b1c432ca57ap+0, 0x1.693e963dc486bp+1, 0x1.9b04039abf33ap-2,
              -0x1.d5f1bef49cf56p-1}),
      sgd<T>("sgd momentum, dampening, decay", {.lr = 0.1, .momentum = 0.9, .dampening = 0.1, .weight_decay = 0.01},
             {0x1.2419b24c62967p-1, -0x1.7aba6bc595b07p+0, 0x1.659ef8c963c9dp+1, 0x1.9135c5f319ce0p-2,
              -0x1.dafb68c02e3e3p-1}),
      sgd<T>("sgd nesterov, decay", {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true},
             {0x1.31f7b4544bd62p-1, -0x1.6bd3774c491cdp+0, 0x1.5ee9174c2c6acp+1, 0x1.11d64c6cf281fp-1,
              -0x1.08759260bdd80p+0}),
      adam<T>("adam", {.lr = 0.1},
              {0x1.375c79aa41248p-1, -0x1.5d050649209ddp+0, 0x1.667a55cf7579ep+1, 0x1.066fccdcb5a08p-2,
               -0x1.a7300d5e39db8p-1}),
      adam<T>("adam decay", {.lr = 0.1, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.1},
              {0x1.21c69961f9481p-1, -0x1.49f4b49546c1ep+0, 0x1.59fe3ddf51614p+1, 0x1.f1bf178a139eep-3,
               -0x1.93fa22a580162p-1}),
      adam<T>("adamw", {.lr = 0.1, .weight_decay = 0.1, .decoupled = true},
              {0x1.28ce8ec8bbaa0p-1, -0x1.4ca3667e128b8p+0, 0x1.5480901e01d55p+1, 0x1.ff425bc3350b6p-3,
               -0x1.93cd219e7edf6p-1}),
      rmsprop<T>("rmsprop", {.lr = 0.1},
                 {0x1.000b75a84599dp+0, -0x1.889e6323f65a4p+0, 0x1.928e199e9fbe0p+0, 0x1.5bf603a4fdfe6p+0,
                  -0x1.ca0c2c5d0d358p+0}),
      rmsprop<T>("rmsprop centered, momentum, decay",
                 {.lr = 0.1, .alpha = 0.9, .weight_decay = 0.01, .momentum = 0.5, .centered = true},
                 {0x1.74bbacc968269p-1, -0x1.8ba573f65cdfep+0, 0x1.0a33bd90a39f0p+1, 0x1.757b5d912e65dp-1,
                  -0x1.33a50ad8934b2p+0}),
      adagrad<T>("adagrad decay", {.lr = 0.1, .lr_decay = 0.1, .weight_decay = 0.01},
                 {0x1.18159623996a7p-1, -0x1.3e1d935f05686p+0, 0x1.6d891b3ba86f5p+1, 0x1.0ae342edcc0fap-3,
                  -0x1.94b79912d6b33p-1}),
  };
}

/// Five steps on n elements; the first five follow the run PyTorch did.
template <class T>
std::vector<T> five_steps(const KernelTable<T>& t, const Optimizer<T>& optimizer, int64_t n) {
  std::vector<T> param(n), grad(n), first(n), second(n), third(n);
  for (int64_t i = 0; i < n; ++i) param[i] = static_cast<T>(start[static_cast<std::size_t>(i) % start.size()]);
  for (int64_t step = 1; step <= 5; ++step) {
    for (int64_t i = 0; i < n; ++i) grad[i] = static_cast<T>(static_cast<double>((7 * i + 3 * step) % 11 - 5) / 4);
    optimizer.update(t, step, n, grad.data(), param.data(), first.data(), second.data(), third.data());
  }
  return param;
}

}  // namespace

TEST_CASE("five optimiser steps in double reach PyTorch's parameters to 1e-14") {
  for (const Optimizer<double>& optimizer : optimizers<double>())
    for (Isa isa : available_isas()) {
      CAPTURE(std::string(optimizer.name));
      CAPTURE(std::string(isa_name(isa)));
      const std::vector<double> param = five_steps(kernel_table_for<double>(isa), optimizer, 5);
      for (std::size_t i = 0; i < param.size(); ++i)
        CHECK(std::fabs(param[i] - optimizer.torch[i]) <= 1e-14 * std::fabs(optimizer.torch[i]));
    }
}

TEST_CASE_TEMPLATE("optimiser steps have the reference's bits for every length", T, float, double) {
  for (const Optimizer<T>& optimizer : optimizers<T>())
    for (Isa isa : available_isas())
      for (int64_t n : odd_sizes()) {
        CAPTURE(std::string(optimizer.name));
        CAPTURE(std::string(isa_name(isa)));
        const std::vector<T> param = five_steps(kernel_table_for<T>(isa), optimizer, n);
        CHECK(param == five_steps(reference_table<T>(), optimizer, n));
      }
}
