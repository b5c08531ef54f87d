// Truncated backpropagation through time against its definition.
#include "unspool/truncated.hpp"

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

struct Model {
  us::ParameterSet<double> params{us::Seed{3}};
  us::LSTMCell<double> cell{params, "lstm", {.input = 2, .hidden = 4}};
  us::Tensor<double> x = random_tensor({200, 2}, 1);

  auto step(us::Tape<double>& tape, int64_t t, const State& s) {
    const State next = cell(tape.input({1, 2}, x.values().subspan(static_cast<std::size_t>(t % 200 * 2), 2)), s);
    return std::pair(sum(square(next.h)) * (1.0 + static_cast<double>(t % 7)), next);
  }
  std::vector<double> gradients() {
    std::vector<double> all;
    for (us::Parameter<double>& p : params) all.insert(all.end(), p.grad().begin(), p.grad().end());
    return all;
  }
  /// The definition: losses of steps [done, done + k1), gradients from the constant state before step `begin`.
  std::vector<double> direct(int64_t begin, int64_t done, int64_t end) {
    us::Tape<double> tape;
    params.zero_grad();
    State s = cell.zero_state(tape, 1);
    for (int64_t t = 0; t < begin; ++t) s = step(tape, t, s).second;
    s = {detach(s.h), detach(s.c)};
    us::Var<double> total;
    for (int64_t t = begin; t < end; ++t) {
      auto [loss, next] = step(tape, t, s);
      if (t >= done) total = total.empty() ? loss : total + loss;
      s = next;
    }
    tape.backward(total);
    return gradients();
  }
};

}  // namespace

TEST_CASE("every window's gradient is the definition's, bit for bit") {
  struct Row {
    int64_t every, back;
  };
  for (const Row& r : {Row{1, 1}, {4, 4}, {3, 7}, {5, 10}, {2, 9}, {6, 8}}) {
    CAPTURE(r.every);
    CAPTURE(r.back);
    Model model;
    us::Tape<double> tape;
    us::TruncatedBptt<double, State> bptt(tape, model.cell.zero_state(tape, 1), {.every = r.every, .back = r.back});
    for (int window = 0; window < 8; ++window) {
      const int64_t done = bptt.steps(), end = done + r.every;
      model.params.zero_grad();
      bptt.window([&](int64_t t, const State& s) { return model.step(tape, t, s); });
      const std::vector<double> given = model.gradients();
      const std::vector<double> expected = model.direct(std::max<int64_t>(end - r.back, 0), done, end);
      CHECK(std::memcmp(given.data(), expected.data(), given.size() * sizeof(double)) == 0);
    }
  }
}

TEST_CASE("a stream of any length takes the memory of a window") {
  Model model;
  us::Tape<double> tape;
  us::TruncatedBptt<double, State> bptt(tape, model.cell.zero_state(tape, 1), {.every = 10, .back = 25});
  const auto run = [&](int windows) {
    for (int k = 0; k < windows; ++k) {
      model.params.zero_grad();
      bptt.window([&](int64_t t, const State& s) { return model.step(tape, t, s); });
    }
    return tape.stats().reserved_bytes;
  };
  const int64_t early = run(10);
  CHECK(run(1000) == early);
  CHECK(bptt.steps() == 10100);
}

TEST_CASE("a step that throws leaves its window to be run again, and bad lengths are told") {
  Model model;
  us::Tape<double> tape;
  const auto make = [&](int64_t every, int64_t back) {
    return us::TruncatedBptt<double, State>(tape, model.cell.zero_state(tape, 1), {.every = every, .back = back});
  };
  for (const auto& [every, back] : {std::pair<int64_t, int64_t>{0, 0}, {-1, 4}, {4, 3}})
    CHECK(us::test::error_from([&] { make(every, back); }).code() == us::ErrorCode::bad_argument);
  auto bptt = make(4, 6);
  CHECK_THROWS_AS(bptt.window([&](int64_t t, const State& s) {
    if (t == 2) throw std::runtime_error("no");
    return model.step(tape, t, s);
  }),
                  std::runtime_error);
  CHECK(bptt.steps() == 0);
  model.params.zero_grad();
  bptt.window([&](int64_t t, const State& s) { return model.step(tape, t, s); });
  const std::vector<double> given = model.gradients();
  CHECK(given == model.direct(0, 0, 4));
}

TEST_CASE("a state that was not carried is told as one of an earlier recording, by its cell, step and line") {
  Model model;
  us::Tape<double> tape;
  State kept = model.cell.zero_state(tape, 1);
  us::TruncatedBptt<double, State> bptt(tape, kept, {.every = 3});
  bool own = false;
  const auto leak = [&](int64_t t, const State& carried) {
    auto result = model.step(tape, t, own ? kept : carried);
    kept = result.second;
    return result;
  };
  bptt.window(leak);
  own = true;
  const us::Error error = us::test::error_from([&] { bptt.window(leak); });
  CHECK(error.code() == us::ErrorCode::stale_handle);
  const std::string text = error.what();
  CHECK_MESSAGE(text.find(" (select of lstm_cell in lstm/t=2, truncated.cpp:") != std::string::npos, text);
  CHECK_MESSAGE(text.find("a state goes on as numbers, which TruncatedBptt carries") != std::string::npos, text);
  own = false;
  bptt.window(leak);
  CHECK(bptt.steps() == 6);
}
