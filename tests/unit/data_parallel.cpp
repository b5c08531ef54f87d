// The same bits for any number of threads, the batch's gradient from its shards, and errors that lose nothing.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"
#include "unspool/parallel.hpp"

namespace us = unspool;
using us::test::difference;
using us::test::random_tensor;

namespace {

constexpr std::int64_t batch = 13, steps = 5, width = 6, classes = 4;

template <class T>
struct Model {
  us::ParameterSet<T> params{us::Seed{7}};
  us::LSTM<T> rnn{params, "rnn", {.input = width, .hidden = 9, .layers = 2}};
  us::Linear<T> out{params, "out", {.input = 9, .output = classes}};
  us::Parameter<T>& unused = params.add("unused", {3}, us::zeros());
  us::Tensor<T> x = random_tensor<T>({batch, steps, width}, 11);
  double drop = 0;

  us::Var<T> loss(us::Tape<T>& tape, std::int64_t begin, std::int64_t end) const {
    const std::int64_t each = steps * width;
    const us::Var<T> rows = tape.input(
        {end - begin, steps, width},
        x.values().subspan(static_cast<std::size_t>(begin * each), static_cast<std::size_t>((end - begin) * each)));
    us::Var<T> ys = rnn(us::permute(rows, {1, 0, 2})).outputs;
    if (drop > 0) ys = us::dropout(ys, drop);
    std::vector<std::int64_t> labels;
    for (std::int64_t t = 0; t < steps; ++t)
      for (std::int64_t b = begin; b < end; ++b) labels.push_back((3 * b + t) % classes);
    return us::cross_entropy(out(ys), labels);
  }

  std::vector<T> gradients() const {
    std::vector<T> all;
    for (us::Parameter<T>& p : params) all.insert(all.end(), p.grad().begin(), p.grad().end());
    return all;
  }

  std::vector<T> parallel(us::ThreadPool& pool, std::int64_t shards, double* total = nullptr, std::uint64_t seed = 0) {
    params.zero_grad();
    const double sum = us::data_parallel<T>(
        pool, {batch, shards}, [&](us::Tape<T>& tape, const us::Shard& s) { return loss(tape, s.begin, s.end); },
        {.seed = seed});
    if (total != nullptr) *total = sum;
    return gradients();
  }
};

}  // namespace

TEST_CASE("the gradient bits are the same for 1, 2, 3 and 8 threads") {
  for (const double drop : {0.0, 0.4}) {
    Model<float> model;
    model.drop = drop;
    for (const std::int64_t shards : {1, 2, 3, 5, 13}) {
      us::ThreadPool one(1);
      const std::vector<float> expected = model.parallel(one, shards, nullptr, 3);
      for (const int threads : {2, 3, 8}) {
        us::ThreadPool pool(threads);
        CHECK(pool.threads() == threads);
        for (int repeat = 0; repeat < 3; ++repeat) CHECK(model.parallel(pool, shards, nullptr, 3) == expected);
      }
    }
  }
}

TEST_CASE("shards of any number add up to the gradient and the loss of the whole batch") {
  Model<double> model;
  us::Tape<double> tape;
  const us::Var<double> whole = model.loss(tape, 0, batch);
  tape.backward(whole);
  const std::vector<double> expected = model.gradients();
  us::ThreadPool pool(2);
  for (const std::int64_t shards : {1, 2, 4, 7, 13, 100}) {
    double total = 0;
    CHECK(difference(model.parallel(pool, shards, &total), expected) == "");
    CHECK(total == doctest::Approx(whole.item()).epsilon(1e-12));
  }
}

TEST_CASE("gradients are added to what a parameter holds, and an unused parameter keeps exact zeros") {
  Model<double> model;
  us::ThreadPool pool(2);
  const std::vector<double> once = model.parallel(pool, 3);
  us::data_parallel<double>(
      pool, {batch, 3}, [&](us::Tape<double>& tape, const us::Shard& s) { return model.loss(tape, s.begin, s.end); });
  const std::vector<double> twice = model.gradients();
  for (std::size_t i = 0; i < once.size(); ++i) CHECK(twice[i] == 2 * once[i]);
  for (const double g : model.unused.grad()) CHECK(g == 0);
}

TEST_CASE("the shards' masks differ from each other and from seed to seed") {
  us::ParameterSet<> params;
  us::Parameter<>& w = params.add("w", {64}, us::constant(1));
  us::ThreadPool pool(2);
  const auto gradient = [&](std::uint64_t seed) {
    params.zero_grad();
    us::data_parallel(pool, {2, 2},
                      [&](us::Tape<>& tape, const us::Shard& s) {
                        return sum(us::dropout(tape.parameter(w), 0.5)) * (s.index == 0 ? 1.0 : 100.0);
                      },
                      {.reduction = us::Reduction::sum, .seed = seed});
    return std::vector<float>(w.grad().begin(), w.grad().end());
  };
  const std::vector<float> first = gradient(1);
  CHECK(first == gradient(1));
  CHECK(first != gradient(2));
  int mixed = 0;  // kept by one shard alone: 2 or 200, not 0 and not 202
  for (const float g : first) mixed += g == 2 || g == 200;
  CHECK(mixed > 10);
}

TEST_CASE("shards cover every row once, differ by at most one, and none is empty") {
  for (std::int64_t rows = 1; rows < 40; ++rows)
    for (std::int64_t count = 1; count < 50; ++count) {
      const us::Shards shards{rows, count};
      CHECK(shards.size() == std::min(rows, count));
      std::int64_t next = 0;
      double weight = 0;
      for (std::int64_t i = 0; i < shards.size(); ++i) {
        const us::Shard s = shards[i];
        CHECK(s.begin == next);
        CHECK((s.rows() == rows / shards.size() || s.rows() == rows / shards.size() + 1));
        next = s.end;
        weight += s.weight;
      }
      CHECK(next == rows);
      CHECK(weight == doctest::Approx(1));
    }
}

TEST_CASE("an error in a shard is thrown after the others are done, and no gradient has changed") {
  Model<double> model;
  us::ThreadPool pool(3);
  const std::vector<double> before = model.parallel(pool, 4);
  std::atomic<int> completed = 0;
  const auto failing = [&](us::Tape<double>& tape, const us::Shard& s) -> us::Var<double> {
    if (s.index >= 2) throw us::Error(us::ErrorCode::bad_argument, "test", "shard " + std::to_string(s.index), "");
    const us::Var<double> y = model.loss(tape, s.begin, s.end);
    ++completed;
    return y;
  };
  try {
    us::data_parallel<double>(pool, {batch, 5}, failing);
    FAIL("nothing was thrown");
  } catch (const us::Error& error) {
    CHECK(std::string(error.what()).find("shard 2") != std::string::npos);
  }
  CHECK(completed == 2);
  CHECK(model.gradients() == before);
  // The pool is whole: the next step works as if nothing had happened.
  CHECK(model.parallel(pool, 4) == before);
}

TEST_CASE("wrong use of a pool is refused") {
  Model<double> model;
  us::ThreadPool pool(2);
  const auto loss = [&](us::Tape<double>& tape, const us::Shard& s) { return model.loss(tape, s.begin, s.end); };
  UNSPOOL_CHECK_ERROR(us::ThreadPool(-1), bad_argument, "threads must be in 0..1024");
  UNSPOOL_CHECK_ERROR(us::ThreadPool(1025), bad_argument, "threads must be in 0..1024");
  UNSPOOL_CHECK_ERROR(us::data_parallel<double>(pool, {0, 2}, loss), bad_argument, "rows and shards");
  UNSPOOL_CHECK_ERROR(us::data_parallel<double>(pool, {4, 0}, loss), bad_argument, "rows and shards");
  UNSPOOL_CHECK_ERROR(us::data_parallel<double>(pool, {4, 2}, loss, {.reduction = us::Reduction::none}), bad_argument,
                      "mean or sum");
  const auto not_scalar = [&](us::Tape<double>& tape, const us::Shard&) { return tape.parameter(model.unused) * 2.0; };
  UNSPOOL_CHECK_ERROR(us::data_parallel<double>(pool, {4, 2}, not_scalar), not_scalar, "one element");
  const auto nested = [&](us::Tape<double>& tape, const us::Shard& s) {
    us::data_parallel<double>(pool, {4, 2}, loss);
    return loss(tape, s);
  };
  UNSPOOL_CHECK_ERROR(us::data_parallel<double>(pool, {4, 2}, nested), bad_argument, "at work already");
}

TEST_CASE("two pools work at the same time on one model") {
  Model<double> a, b;
  us::ThreadPool first(2), second(2);
  const std::vector<double> expected = a.parallel(first, 4);
  std::vector<double> other;
  std::thread thread([&] { other = b.parallel(second, 4); });
  CHECK(a.parallel(first, 4) == expected);
  thread.join();
  CHECK(other == expected);
}
