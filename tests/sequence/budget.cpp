// Unrolling within a byte budget: the bits of the full walk, inside the budget, with the forwards of the plan.
#include <doctest/doctest.h>

#include <cstring>

#include "support/caught.hpp"
#include "support/random_tensor.hpp"
#include "unspool/unspool.hpp"

namespace us = unspool;
using us::test::random_tensor;

namespace {

using std::int64_t;

template <class T>
std::vector<T> all_gradients(us::ParameterSet<T>& params) {
  std::vector<T> all;
  for (us::Parameter<T>& p : params) all.insert(all.end(), p.grad().begin(), p.grad().end());
  return all;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

}  // namespace

TEST_CASE("an LSTM within a budget has the gradients of the full walk, bit for bit") {
  using T = float;
  us::ParameterSet<T> params(us::Seed{3});
  us::LSTMCell<T> cell(params, "lstm", {.input = 5, .hidden = 70});
  const int64_t steps = 40, batch = 3;
  const us::Tensor<T> x = random_tensor<T>({steps, batch, 5}, 1);
  const auto run = [&](int64_t memory, us::RecomputeStats* stats = nullptr) {
    us::Tape<T> tape;
    params.zero_grad();
    const us::Var<T> xs = tape.variable(x);
    auto [ys, state] = us::unroll(cell, xs, cell.zero_state(tape, batch), {.memory = memory});
    tape.backward(sum(ys * ys) + sum(state.c) + sum(state.h * 2.0));
    std::vector<T> all = all_gradients(params);
    all.insert(all.end(), xs.grad().begin(), xs.grad().end());
    if (stats != nullptr) *stats = us::recompute_stats(tape);
    return all;
  };
  const std::vector<T> full = run(us::UnrollOptions::unlimited);
  for (const int64_t memory : {us::MiB(64), us::KiB(300), us::KiB(200), us::KiB(180)}) {
    CAPTURE(memory);
    us::RecomputeStats stats;
    const std::vector<T> within = run(memory, &stats);
    CHECK(same_bits(full, within));
    CHECK(stats.forwards == stats.plan.forwards);
    CHECK(stats.peak_bytes <= memory);
  }
}

TEST_CASE("an impossible budget is told with the least possible one, and the tape goes on") {
  us::ParameterSet<double> params(us::Seed{3});
  us::LSTMCell<double> cell(params, "lstm", {.input = 2, .hidden = 4});
  us::Tape<double> tape;
  const us::Var<double> x = tape.input(random_tensor({6, 2, 2}, 1));
  const auto run = [&](int64_t memory) { return us::unroll(cell, x, cell.zero_state(tape, 2), {.memory = memory}); };
  int64_t least = 0;
  for (const int64_t memory : {int64_t{0}, int64_t{-5}, int64_t{1}, INT64_MIN}) {
    const us::Error error = us::test::error_from([&] { run(memory); });
    CHECK(error.code() == us::ErrorCode::bad_argument);
    const std::string text = error.what();
    REQUIRE(text.find("unroll: the memory for 6 steps must be at least ") == 0);
    least = std::stoll(text.substr(text.find("least ") + 6));
  }
  CHECK(us::test::error_from([&] { run(least - 1); }).code() == us::ErrorCode::bad_argument);
  auto [ys, last] = run(least);
  tape.backward(sum(ys));
  CHECK(us::recompute_stats(tape).peak_bytes <= least);
}

TEST_CASE("steps of no rows, sequences of no steps and single steps take a budget too") {
  us::ParameterSet<double> params(us::Seed{3});
  us::GRUCell<double> cell(params, "gru", {.input = 2, .hidden = 3});
  for (const int64_t steps : {0, 1, 4})
    for (const int64_t batch : {0, 1, 2}) {
      CAPTURE(steps);
      CAPTURE(batch);
      const auto run = [&](int64_t memory) {
        us::Tape<double> tape;
        params.zero_grad();
        const us::Var<double> x = tape.variable(us::Tensor<double>(us::Shape{steps, batch, 2}));
        auto [ys, last] = us::unroll(cell, x, cell.zero_state(tape, batch), {.memory = memory});
        CHECK(ys.shape() == us::Shape{steps, batch, 3});
        CHECK(last.shape() == us::Shape{batch, 3});
        if (steps > 0) tape.backward(sum(ys) + sum(last));
        return all_gradients(params);
      };
      CHECK(same_bits(run(us::UnrollOptions::unlimited), run(us::MiB(1))));
    }
  us::Tape<double> tape;
  const us::Var<double> h = tape.zeros({1, 3});
  const auto step = [](int64_t, const us::Var<double>& s) { return std::pair(sum(s), s); };
  CHECK(us::test::error_from([&] { us::unroll(0, step, h, {.memory = us::MiB(1)}); }).code() ==
        us::ErrorCode::empty_sequence);
  CHECK(us::test::error_from([&] { us::unroll(-3, step, h); }).code() == us::ErrorCode::bad_argument);
}

TEST_CASE("a cell that throws while steps are recomputed leaves a tape that can be used again") {
  us::ParameterSet<double> params(us::Seed{3});
  auto& w = params.add("w", {4, 4}, us::orthogonal());
  us::Tape<double> tape;
  const us::Tensor<double> start = random_tensor({2, 4}, 1);
  int calls = 0, fails_at = -1;
  const auto run = [&](int64_t memory) {
    params.zero_grad();
    const us::Var<double> h = tape.variable(start);
    const auto step = [&](int64_t, const us::Var<double>& s) {
      if (calls++ == fails_at) throw std::runtime_error("no");
      const us::Var<double> next = tanh(us::checkpoint([&](const us::Var<double>& v) { return matmul(v, w); }, s));
      return std::pair(sum(square(next)), next);
    };
    auto [loss, last] = us::unroll(9, step, h, {.memory = memory});
    tape.backward(loss);
    return all_gradients(params);
  };
  const std::vector<double> full = run(us::UnrollOptions::unlimited);
  tape.reset();
  calls = 0;
  const std::vector<double> within = run(8000);
  CHECK(same_bits(full, within));
  const int all = calls;
  CHECK(all > 9);
  for (fails_at = 0; fails_at < all; ++fails_at) {
    tape.reset();
    calls = 0;
    CHECK_THROWS_AS(run(8000), std::runtime_error);
    // What was recorded before is still there, and new values can be recorded and walked.
    const us::Var<double> x = tape.variable(start);
    tape.backward(sum(square(x)));
    CHECK(x.grad()[0] == 2 * start[0]);
  }
  fails_at = -1;
  tape.reset();
  CHECK(same_bits(run(8000), full));
}

TEST_CASE("a step must not reset, rewind or walk the tape that it is recorded on") {
  us::Tape<double> tape;
  const us::Mark mark = tape.mark();
  const us::Var<double> h = tape.variable(random_tensor({2, 3}, 1));
  const auto run = [&](int what) {
    us::unroll(4,
               [&](int64_t, const us::Var<double>& s) {
                 const us::Var<double> next = tanh(s), loss = sum(next);
                 if (what == 0) tape.reset();
                 if (what == 1) tape.rewind(mark);
                 if (what == 2) tape.backward(loss);
                 return std::pair(loss, next);
               },
               h, {.memory = us::MiB(1)});
  };
  for (int what = 0; what < 3; ++what)
    CHECK(us::test::error_from([&] { run(what); }).code() == us::ErrorCode::bad_argument);
  tape.backward(sum(tanh(h)));
}

TEST_CASE("a checkpoint has the gradients, draws and results of what it forgets") {
  us::ParameterSet<float> params(us::Seed{5});
  auto& w = params.add("w", {6, 6}, us::xavier_uniform());
  auto& b = params.add("b", {6}, us::normal());
  const us::Tensor<float> start = random_tensor<float>({3, 6}, 1);
  const auto run = [&](bool forget, int64_t* nodes) {
    us::Tape<float> tape({.seed = 11});
    params.zero_grad();
    const us::Var<float> x = tape.variable(start), outside = tape.variable(start);
    const auto inner = [&](const us::Var<float>& v) { return dropout(tanh(matmul(v, w) + b), 0.4) * outside; };
    const auto part = [&](const us::Var<float>& v) {
      const us::Var<float> y = forget ? us::checkpoint(inner, v) : inner(v);
      return std::pair(inner(y) + v, y);
    };
    us::Var<float> loss = tape.scalar(0), at = x;
    for (int k = 0; k < 3; ++k) {
      auto [sum_, y] = forget ? us::checkpoint(part, at) : part(at);
      loss += sum(square(y)) + mean(dropout(sum_, 0.5));
      at = sum_;
    }
    *nodes = tape.stats().nodes;
    tape.backward(loss);
    CHECK(tape.stats().nodes == *nodes);
    std::vector<float> all = all_gradients(params);
    all.insert(all.end(), x.grad().begin(), x.grad().end());
    all.insert(all.end(), outside.grad().begin(), outside.grad().end());
    all.push_back(loss.item());
    return all;
  };
  int64_t kept = 0, forgotten = 0;
  CHECK(same_bits(run(false, &kept), run(true, &forgotten)));
  CHECK(forgotten < kept);
}

TEST_CASE("what a checkpoint forgets takes no memory, and a warm tape takes no more of it") {
  us::Tape<float> tape;
  const us::Tensor<float> start = random_tensor<float>({100, 10}, 1);
  const auto run = [&](bool forget) {
    tape.reset();
    us::Var<float> x = tape.variable(start);
    for (int k = 0; k < 20; ++k) {
      const auto part = [](const us::Var<float>& v) { return tanh(tanh(tanh(tanh(tanh(v))))); };
      x = forget ? us::checkpoint(part, x) : part(x);
    }
    tape.backward(sum(x));
    return tape.stats().value_bytes;
  };
  const int64_t kept = run(false), forgotten = run(true);
  CHECK(kept > 100 * 4000);
  CHECK(forgotten < 30 * 4000);
  CHECK(run(true) == forgotten);
}

TEST_CASE("a tape that keeps gradient norms or a ledger forgets nothing") {
  us::ParameterSet<double> params(us::Seed{3});
  us::RNNCell<double> cell(params, "rnn", {.input = 2, .hidden = 3});
  us::Tape<double> tape({.keep_gradient_norms = true});
  const us::Var<double> x = tape.input(random_tensor({6, 2, 2}, 1));
  auto [ys, last] = us::unroll(cell, x, cell.zero_state(tape, 2), {.memory = 1});
  tape.backward(sum(us::checkpoint([](const us::Var<double>& v) { return tanh(v); }, ys)));
  CHECK(us::recompute_stats(tape).forwards == 0);
}

namespace {

/// A cell of the user whose weight is in the projection of all steps and in the step too, or whose projection ends with
/// an elementwise op on a parameter.
struct OwnCell {
  us::Parameter<double>&w, &u, &gain, &bias;
  bool tied, scaled;

  us::Var<double> project(const us::Var<double>& x) const {
    const us::Var<double> y = matmul(x, w);
    return scaled ? y * gain : y + bias;
  }
  us::Var<double> step(const us::Var<double>& projected, const us::Var<double>& h) const {
    return tanh(projected + matmul(h, tied ? w : u));
  }
};

}  // namespace

TEST_CASE(
    "cells that project have the bits of the full walk; where rows come in another order, nearly, and always the "
    "same") {
  us::ParameterSet<double> params(us::Seed{3});
  auto &w = params.add("w", {3, 3}, us::orthogonal()), &u = params.add("u", {3, 3}, us::orthogonal());
  auto &gain = params.add("gain", {3}, us::constant(0.9)), &bias = params.add("bias", {3}, us::constant(0.1));
  for (const int64_t batch : {1, 3})
    for (const int kind : {0, 1, 2}) {
      CAPTURE(batch);
      CAPTURE(kind);
      const OwnCell cell{w, u, gain, bias, kind == 1, kind == 2};
      const auto run = [&](int64_t memory) {
        us::Tape<double> tape;
        params.zero_grad();
        const us::Var<double> x = tape.variable(random_tensor({300, batch, 3}, 1));
        auto [ys, last] = us::unroll(cell, x, tape.zeros({batch, 3}), {.memory = memory, .outputs = false});
        tape.backward(sum(square(last)));
        return all_gradients(params);
      };
      const std::vector<double> full = run(us::UnrollOptions::unlimited), within = run(us::KiB(60));
      if (kind == 0) CHECK(same_bits(full, within));
      CHECK(same_bits(within, run(us::KiB(60))));
      CHECK(same_bits(within, run(us::KiB(90))));
      for (std::size_t i = 0; i < full.size(); ++i) CHECK(within[i] == doctest::Approx(full[i]).epsilon(1e-12));
    }
}
