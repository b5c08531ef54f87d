#include "unspool/parameter.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;
using us::test::difference;
using Values = std::vector<double>;

TEST_CASE("a parameter set keeps order, names and addresses") {
  us::ParameterSet<double> params;
  auto& first = params.add("a", {2, 3}, us::zeros());
  for (int i = 0; i < 100; ++i) params.add("p" + std::to_string(i), {1}, us::ones());
  CHECK(&params["a"] == &first);
  CHECK(&params.at(0) == &first);
  CHECK(params.find("p99") == &params.at(100));
  CHECK(params.find("b") == nullptr);
  CHECK(params.size() == 101);
  CHECK(params.value_count() == 106);
  CHECK(first.name() == "a");
  CHECK(first.shape() == us::Shape{2, 3});
  std::size_t seen = 0;
  for (us::Parameter<double>& p : params) seen += static_cast<std::size_t>(p.size() > 0);
  CHECK(seen == 101);
  UNSPOOL_CHECK_ERROR(params["b"], bad_argument, "parameter: there is none named \"b\"");
  UNSPOOL_CHECK_ERROR(params.at(101), index_out_of_range,
                      "parameter: there are 101, counted from 0; asked for number 101");
  UNSPOOL_CHECK_ERROR(params.add("a", {1}, us::zeros()), duplicate_name, "parameter: there is already one named \"a\"");
  CHECK(params.size() == 101);
}

TEST_CASE("a parameter that no memory holds is a typed error") {
  us::ParameterSet<double> params;
  UNSPOOL_CHECK_ERROR(params.add("huge", {std::int64_t{1} << 55}, us::zeros()), out_of_memory,
                      "parameter: memory for huge [36028797018963968] could not be had");
  CHECK(params.size() == 0);
}

TEST_CASE("zero_grad is a promise of zeros that grad() keeps") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {3}, us::ones());
  CHECK(w.grad_is_zero());
  CHECK(difference(w.grad(), Values{0, 0, 0}) == "");
  std::fill(w.grad().begin(), w.grad().end(), 4.0);
  CHECK(!w.grad_is_zero());
  us::Tape<double> tape;
  tape.backward(sum(tape.ones({3}) * w));
  CHECK(difference(w.grad(), Values{5, 5, 5}) == "");
  params.zero_grad();
  CHECK(w.grad_is_zero());
  tape.reset();
  tape.backward(sum(tape.ones({3}) * w));
  CHECK(!w.grad_is_zero());
  CHECK(difference(w.grad(), Values{1, 1, 1}) == "");
}

TEST_CASE("a parameter has one leaf a tape, and as many tapes as like may read it") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2}, us::constant(3));
  us::Tape<double> one, two;
  for (us::Tape<double>* tape : {&one, &two}) {
    const us::Var x = tape->ones({2});
    (void)(x * w);
    (void)(x + w);
    CHECK(tape->parameter(w).index() == 1);
    CHECK(tape->stats().nodes == 4);
  }
  one.reset();
  CHECK(one.parameter(w).index() == 0);
  CHECK(difference(one.parameter(w).values(), Values{3, 3}) == "");
}

TEST_CASE("more parameters than a table begins with find their leaves, again after rewinds and resets") {
  us::ParameterSet<double> params;
  for (int i = 0; i < 300; ++i) params.add(std::to_string(i), {1}, us::constant(i));
  us::Tape<double> tape;
  for (int round = 0; round < 3; ++round) {
    us::Var total = tape.scalar(0);
    us::Mark half{};
    for (int i = 0; i < 300; ++i) {
      if (i == 150) half = tape.mark();
      total += sum(params.at(static_cast<std::size_t>(i)) * tape.ones({1}));
    }
    const std::int64_t nodes = tape.stats().nodes;
    for (us::Parameter<double>& p : params) (void)tape.parameter(p);
    CHECK(tape.stats().nodes == nodes);
    tape.rewind(half);
    const std::int64_t at_half = tape.stats().nodes;
    for (us::Parameter<double>& p : params) CHECK(tape.parameter(p).values()[0] == p.values()[0]);
    CHECK(tape.stats().nodes == at_half + 150);
    tape.reset();
  }
}

TEST_CASE("a tape keeps what it read alive") {
  us::Tape<double> tape;
  us::Var<double> y;
  {
    us::ParameterSet<double> params;
    auto& w = params.add("w", {2}, us::constant(3));
    y = sum(tape.variable({2}, Values{1, 2}) * w);
  }
  tape.backward(y);
  CHECK(y.item() == 9);
}

TEST_CASE("a parameter of one scalar type cannot be read by a tape of another") {
  us::ParameterSet<float> params;
  auto& w = params.add("w", {2}, us::ones());
  us::Tape<double> tape;
  UNSPOOL_CHECK_ERROR(us::detail::record_parameter(*tape.core(), *w.core(), us::Where::current()), unsupported,
                      "parameter: w is float32 and the tape is float64");
  CHECK(tape.stats().nodes == 0);
}
