#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using Values = std::vector<double>;

namespace {

void check_stale(const us::Var<double>& x) {
  UNSPOOL_CHECK_ERROR(x.values(), stale_handle, "values: operand %");
  UNSPOOL_CHECK_ERROR(x.shape(), stale_handle, "belongs to an earlier recording");
  UNSPOOL_CHECK_ERROR(x.grad(), stale_handle, "grad: operand %");
  UNSPOOL_CHECK_ERROR(x + 1.0, stale_handle, "add_scalar: operand %");
}

}  // namespace

TEST_CASE("a handle from before a reset is stale, also where a new value has its index") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({2}, Values{1, 2});
  tape.reset();
  check_stale(x);
  const us::Var y = tape.variable({2}, Values{3, 4});
  CHECK(y.index() == x.index());
  check_stale(x);
  const us::Mark before = tape.mark();
  UNSPOOL_CHECK_ERROR(
      y + x, stale_handle,
      "add: operand %0 (variable, stale_handles.cpp:27) belongs to an earlier recording; a state goes on as");
  UNSPOOL_CHECK_ERROR(tape.backward(x), stale_handle, "backward: operand %0");
  UNSPOOL_CHECK_ERROR(tape.keep_grad(x), stale_handle, "keep_grad: operand %0");
  CHECK(tape.mark().nodes == before.nodes);
  tape.backward(sum(y));
  CHECK(y.grad()[0] == 1);
}

TEST_CASE("a handle from past a rewind is stale, those before the mark are not") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({2}, Values{1, 2});
  const us::Mark mark = tape.mark();
  const us::Var y = x * 2.0;
  tape.rewind(mark);
  check_stale(y);
  const us::Var z = x * 3.0;
  CHECK(z.index() == y.index());
  check_stale(y);
  CHECK(z.values()[1] == 6);
}

TEST_CASE("a handle that outlives its tape is stale, also when another tape has taken its place") {
  auto tape = std::make_unique<us::Tape<double>>();
  const us::Var x = tape->variable({2}, Values{1, 2});
  tape.reset();
  check_stale(x);
  us::Tape<double> next;
  const us::Var y = next.variable({2}, Values{1, 2});
  check_stale(x);
  const auto e = us::test::error_from([&] { (void)(y + x); });
  CHECK((e.code() == us::ErrorCode::stale_handle || e.code() == us::ErrorCode::wrong_tape));
}

TEST_CASE("a Var that was never assigned says so") {
  us::Tape<double> tape;
  const us::Var<double> none;
  const us::Var x = tape.ones({2});
  UNSPOOL_CHECK_ERROR(none.values(), stale_handle, "values: the Var was never recorded");
  UNSPOOL_CHECK_ERROR(none.shape(), stale_handle, "shape: the Var was never recorded");
  UNSPOOL_CHECK_ERROR(none.grad(), stale_handle, "grad: the Var was never recorded");
  UNSPOOL_CHECK_ERROR(x + none, stale_handle, "add: an operand was never recorded (a default-constructed Var)");
  UNSPOOL_CHECK_ERROR(none + none, stale_handle, "add: an operand was never recorded");
  UNSPOOL_CHECK_ERROR(tanh(none), stale_handle, "tanh: an operand was never recorded");
  UNSPOOL_CHECK_ERROR(tape.backward(none), stale_handle, "backward: an operand was never recorded");
  CHECK(tape.stats().nodes == 1);
}

TEST_CASE("operands of two tapes do not mix") {
  us::Tape<double> one, two;
  const us::Var x = one.ones({2}), y = two.ones({2});
  UNSPOOL_CHECK_ERROR(x + y, wrong_tape,
                      "add: operands must be on one tape; %0 is on another; at %1, stale_handles.cpp:");
  UNSPOOL_CHECK_ERROR(one.backward(y), wrong_tape, "backward: operands must be on one tape");
  CHECK(one.stats().nodes == 1);
  CHECK(two.stats().nodes == 1);
}

TEST_CASE("an op of parameters alone has no tape to be recorded on") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2}, us::ones());
  UNSPOOL_CHECK_ERROR(w + w, wrong_tape, "add: an operand must be recorded on a tape; all 2 are parameters");
  us::Tape<double> tape;
  CHECK((tape.parameter(w) + w).values()[0] == 2);
  CHECK(tape.stats().nodes == 2);
}

TEST_CASE("a destroyed tape gives its memory back") {
  std::int64_t reserved = 0;
  {
    us::Tape<double> tape;
    for (int i = 0; i < 10000; ++i) (void)tape.ones({100});
    reserved = tape.stats().reserved_bytes;
  }
  CHECK(reserved > 0);
  us::Tape<double> next;
  CHECK(next.stats().reserved_bytes == 0);
  CHECK(next.stats().nodes == 0);
  CHECK(next.stats().gradient_bytes_peak == 0);
}
