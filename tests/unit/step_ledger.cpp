#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/graph.hpp"
#include "unspool/ledger.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::test::difference;
using Values = std::vector<double>;

namespace {

constexpr int steps = 5;

// A recurrence that adds to its parameters in every way there is: queued products, column sums and table rows, directly
// (the scale), through a view of a parameter (half the bias), and once outside every step (the read-out).
struct Net {
  us::ParameterSet<double> params{us::Seed{3}};
  us::Parameter<double>& weight = params.add("weight", {4, 4}, us::orthogonal());
  us::Parameter<double>& bias = params.add("bias", {8}, us::uniform(-1, 1));
  us::Parameter<double>& table = params.add("table", {3, 4}, us::uniform(-1, 1));
  us::Parameter<double>& scale = params.add("scale", {4}, us::uniform(-1, 1));
  us::Parameter<double>& out = params.add("out", {4, 1}, us::uniform(-1, 1));

  // Step t reads of(t)'s parameters.
  template <class Of>
  static us::Var<double> loss(us::Tape<double>& tape, Of of) {
    us::Var<double> h = tape.zeros({2, 4});
    us::Var<double> total = tape.zeros({});
    for (int t = 0; t < steps; ++t) {
      const auto step = tape.step(t);
      Net& net = of(t);
      const us::Var<double> x = embedding(tape.parameter(net.table), std::vector<std::int64_t>{t % 3, 2});
      h = tanh((matmul(h, net.weight) + x) * net.scale + slice(tape.parameter(net.bias), 0, 0, 4));
      total += sum(square(h));
    }
    return total + sum(matmul(h, of(-1).out));
  }
  us::Var<double> loss(us::Tape<double>& tape) {
    return loss(tape, [this](int) -> Net& { return *this; });
  }
};

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Values gradient(const us::Parameter<double>& p) { return {p.grad().begin(), p.grad().end()}; }

}  // namespace

TEST_CASE("the shares of the steps add up to the gradient, and each is that of a parameter of its own") {
  us::TapeOptions options{.step_ledger = true};
  SUBCASE("queued to the end") {}
  SUBCASE("flushed after every visit") { options.deferred_bytes = 0; }
  SUBCASE("never queued") { options.defer_products = false; }
  SUBCASE("with norms kept") { options.keep_gradient_norms = true; }

  Net net;
  us::Tape<double> tape(options);
  tape.backward(net.loss(tape));

  // Unrolled by hand: a set of parameters for each step.
  std::map<int, Net> own;
  us::Tape<double> plain;
  plain.backward(Net::loss(plain, [&](int t) -> Net& { return own[t]; }));

  for (us::Parameter<double>& p : net.params) {
    CAPTURE(p.name());
    const Values whole = gradient(p);
    const std::vector<us::StepShare> rows = us::step_shares(tape, p);
    REQUIRE(rows.size() == (&p == &net.out ? 1 : steps));
    Values running(whole.size());
    for (std::size_t i = rows.size(); i-- > 0;) {
      const us::StepShare& row = rows[i];
      CHECK(row.step == (&p == &net.out ? us::StepShare::outside : static_cast<std::int64_t>(i)));
      const us::Tensor<double> share = us::step_share(tape, p, row.step);
      CHECK(difference(share.values(), own[static_cast<int>(row.step)].params[p.name()].grad()) == "");
      for (std::size_t k = 0; k < running.size(); ++k) running[k] += share.values()[k];
      const double norm = std::sqrt(dot(share.values(), share.values()));
      CHECK(row.norm == doctest::Approx(norm).epsilon(1e-12));
      CHECK(row.dot == doctest::Approx(dot(share.values(), whole)).epsilon(1e-11));
      const double cosine = norm > 0 ? row.dot / norm / std::sqrt(dot(whole, whole)) : 0;  // step 0 has no state yet
      CHECK(row.cosine == doctest::Approx(cosine).epsilon(1e-11));
      CHECK(row.running_norm == doctest::Approx(std::sqrt(dot(running, running))).epsilon(1e-12));
    }
    for (std::size_t k = 0; k < whole.size(); ++k) CHECK(running[k] == doctest::Approx(whole[k]).epsilon(1e-12));
  }
}

TEST_CASE("a tape with a ledger has the gradients of one without") {
  Net with, without;
  us::Tape<double> plain, ledger({.step_ledger = true});
  plain.backward(without.loss(plain));
  ledger.backward(with.loss(ledger));
  for (std::size_t i = 0; i < with.params.size(); ++i)
    CHECK(difference(with.params.at(i).grad(), without.params.at(i).grad()) == "");
}

TEST_CASE("a step or a parameter that the loss did not use has no share") {
  Net net;
  auto& unused = net.params.add("unused", {3}, us::ones());
  us::Tape<double> tape({.step_ledger = true});
  tape.backward(net.loss(tape));
  CHECK(us::step_shares(tape, unused).empty());
  CHECK(difference(us::step_share(tape, unused, 0).values(), Values(3)) == "");
  CHECK(difference(us::step_share(tape, net.scale, steps).values(), Values(4)) == "");
}

TEST_CASE("the ledger is that of the last walk, and reading it before one, or after an update, is refused") {
  Net net;
  us::Tape<double> off;
  UNSPOOL_CHECK_ERROR(us::step_shares(off, net.scale), no_gradient, "make it with TapeOptions::step_ledger");
  us::Tape<double> tape({.step_ledger = true});
  UNSPOOL_CHECK_ERROR(us::step_shares(tape, net.scale), no_gradient, "backward() has not been run");
  const us::Mark empty = tape.mark();
  tape.backward(net.loss(tape));
  const double norm = us::step_shares(tape, net.weight).back().norm;
  tape.backward(net.loss(tape));  // the parameters' gradients add up, the shares are of this walk
  CHECK(us::step_shares(tape, net.weight).back().norm == norm);
  net.scale.mutable_values()[0] += 1;
  UNSPOOL_CHECK_ERROR(us::step_shares(tape, net.weight), parameter_changed, "scale was written after");
  tape.rewind(empty);
  UNSPOOL_CHECK_ERROR(us::step_shares(tape, net.weight), no_gradient, "backward() has not been run");
}

TEST_CASE("what a ledger keeps is given back: a warm loop needs no more memory") {
  Net net;
  us::Tape<double> tape({.step_ledger = true});
  std::int64_t reserved = 0;
  for (int round = 0; round < 20; ++round) {
    if (round % 3 == 0) tape.reset();
    const us::Mark mark = tape.mark();
    tape.backward(net.loss(tape));
    if (round % 3 == 1) tape.rewind(mark);
    if (round == 5) reserved = tape.stats().reserved_bytes;
  }
  CHECK(tape.stats().reserved_bytes == reserved);
}

TEST_CASE("a captured graph has the shares of its parameters, where the ledger is up to date") {
  Net net;
  us::Tape<double> tape({.step_ledger = true});
  tape.backward(net.loss(tape));
  const auto series_of = [](const us::Graph& graph, const std::string& name) {
    for (const us::GraphParameter& p : graph.parameters)
      if (p.name == name) return p.series;
    return us::GraphSeries{};
  };
  const us::GraphSeries series = series_of(us::capture(tape), "weight");
  CHECK(series.steps == std::vector<std::int64_t>{0, 1, 2, 3, 4});
  CHECK(series.norm[4] == us::step_shares(tape, net.weight)[4].norm);
  CHECK(series_of(us::capture(tape), "out").steps.empty());  // read outside every step
  net.scale.mutable_values()[0] += 1;
  CHECK(series_of(us::capture(tape), "weight").steps.empty());
}
