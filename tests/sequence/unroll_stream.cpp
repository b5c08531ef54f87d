// Unrolling over streams that end when they end: the bits of the full walk, with the forwards of the online schedule.
#include "unspool/unroll_stream.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "support/caught.hpp"
#include "support/random_tensor.hpp"
#include "unspool/unspool.hpp"

namespace us = unspool;
using us::test::random_tensor;

namespace {

using std::int64_t;
using State = us::LSTMState<double>;

/// What a full walk, one with the number of steps given, and one of a stream have in common.
struct Model {
  us::ParameterSet<double> params{us::Seed{3}};
  us::LSTMCell<double> cell{params, "lstm", {.input = 2, .hidden = 4}};
  us::Tensor<double> x = random_tensor({97, 2, 2}, 1), start = random_tensor({2, 4}, 2);
  us::Tape<double> tape{{.seed = 8}};
  us::RecomputeStats stats;
  int64_t asked = 0, computed = 0;

  template <class More>
  std::vector<double> run(More more, int64_t memory, bool drops = true) {
    tape.reset();
    tape.seed(8);
    params.zero_grad();
    asked = computed = 0;
    const us::Var<double> h0 = tape.variable(start);
    const auto step = [this, drops](int64_t t, const State& s) {
      ++computed;
      const us::Var<double> in = tape.input({2, 2}, x.values().subspan(static_cast<std::size_t>(t % 97 * 4), 4));
      const State next = cell(drops ? dropout(in, 0.25) : in, s);
      return std::pair(sum(square(next.h)) * (1.0 + static_cast<double>(t % 5)), next);
    };
    auto [loss, last] = us::unroll(more, step, State{h0, h0 * 0.5}, {.memory = memory});
    tape.backward(loss + sum(last.h * 2.0) + sum(square(last.c)));
    stats = us::recompute_stats(tape);
    std::vector<double> all{loss.item()};
    for (us::Parameter<double>& p : params) all.insert(all.end(), p.grad().begin(), p.grad().end());
    all.insert(all.end(), h0.grad().begin(), h0.grad().end());
    return all;
  }
  auto stream(int64_t steps) {
    return [this, steps](int64_t t) {
      CHECK(t == asked++);
      return t < steps;
    };
  }
};

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE(
    "a stream within a budget has the gradients of the full walk, bit for bit, and the forwards of its schedule") {
  Model model;
  for (const int64_t steps : {1, 2, 3, 10, 57, 100, 640})
    for (const int64_t memory : {12'000, 16'000, 30'000, 200'000}) {
      CAPTURE(steps);
      CAPTURE(memory);
      const std::vector<double> full = model.run(steps, us::UnrollOptions::unlimited);
      CHECK(same_bits(model.run(model.stream(steps), us::UnrollOptions::unlimited), full));
      CHECK(same_bits(model.run(model.stream(steps), memory), full));
      CHECK(model.asked == steps + 1);
      CHECK(model.stats.plan.steps == steps);
      CHECK(model.stats.forwards == model.stats.plan.forwards);
      CHECK(model.computed == model.stats.forwards);
      CHECK(model.stats.peak_bytes <= memory);
      // One more of each step than a plan that knew the number, and what its own states leave it less room for.
      CHECK(model.stats.forwards <= 2 * steps + model.stats.plan.least_forwards);
    }
}

TEST_CASE("a stream without steps, a budget too small, and a step that throws are told") {
  Model model;
  const us::Error none = us::test::error_from([&] { model.run(model.stream(0), us::MiB(1)); });
  CHECK(none.code() == us::ErrorCode::empty_sequence);
  CHECK(us::test::error_from([&] { model.run(model.stream(0), us::UnrollOptions::unlimited); }).code() ==
        us::ErrorCode::empty_sequence);
  const us::Error tight = us::test::error_from([&] { model.run(model.stream(9), 1); });
  CHECK(tight.code() == us::ErrorCode::bad_argument);
  const std::string text = tight.what();
  REQUIRE(text.find("must be at least ") != std::string::npos);
  const int64_t least = std::stoll(text.substr(text.find("at least ") + 9));
  CHECK(us::test::error_from([&] { model.run(model.stream(9), least - 1); }).code() == us::ErrorCode::bad_argument);
  CHECK(same_bits(model.run(model.stream(9), least), model.run(9, us::UnrollOptions::unlimited)));
  const auto breaks = [](int64_t t) -> bool {
    if (t == 20) throw std::runtime_error("the line is dead");
    return true;
  };
  CHECK_THROWS_AS(model.run(breaks, us::MiB(1)), std::runtime_error);
  CHECK(same_bits(model.run(model.stream(30), 16'000), model.run(30, us::UnrollOptions::unlimited)));
}
