#include <doctest/doctest.h>

#include <limits>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "tape/tape_core.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using Values = std::vector<double>;

TEST_CASE("the watch names op, step, scope and line of the first NaN of the forward pass") {
  us::Tape<double> tape({.watch = us::Watch::record});
  const auto scope = tape.scope("decoder");
  us::Var x = tape.variable({2}, Values{0.5, 1});
  int line = 0;
  for (int t = 0; t < 5; ++t) {
    const auto step = tape.step(t);
    line = __LINE__ + 1;
    x = log(x * 0.5 - 0.2);
  }
  CHECK(tape.first_nonfinite() ==
        "forward of log: first NaN or infinity; at %6 in decoder/t=1, watch.cpp:" + std::to_string(line));
  tape.reset();
  CHECK(tape.first_nonfinite().empty());
}

TEST_CASE("the watch names the op whose backward gave the first NaN") {
  us::Tape<double> tape({.watch = us::Watch::record});
  const us::Var x = tape.variable({2}, Values{0, 1});
  us::Var<double> y;
  {
    const auto scope = tape.scope("norm");
    const auto step = tape.step(2);
    y = sqrt(x);  // the slope at 0 is infinite
  }
  const us::Var loss = sum(y * 2.0);
  CHECK(tape.first_nonfinite().empty());
  tape.backward(loss);
  CHECK(tape.first_nonfinite().find("backward of sqrt: first NaN or infinity; at %1 in norm/t=2, watch.cpp:") == 0);
}

TEST_CASE("the watch sees a queued product overflow at its flush") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {1, 1}, us::constant(1e-200));
  us::Tape<double> tape({.watch = us::Watch::record});
  const us::Var y = matmul(tape.full({1, 1}, 1e200), w);
  tape.backward(sum(y * 1e150) * 1.0);
  CHECK(tape.first_nonfinite().find("backward of parameter") == 0);
}

TEST_CASE("a watch that raises leaves the tape as it was, each time") {
  us::Tape<double> tape({.watch = us::Watch::raise});
  const us::Var x = tape.variable({2}, Values{-1, 1});
  const us::Mark before = tape.mark();
  for (int round = 0; round < 2; ++round) {
    const auto step = tape.step(7);
    UNSPOOL_CHECK_ERROR(log(x), nonfinite,
                        "log: the forward pass gave the first NaN or infinity; at %1 in t=7, watch.cpp:");
    CHECK(tape.mark().nodes == before.nodes);
    CHECK(tape.mark().offset == before.offset);
  }
  tape.backward(sum(x * x));
  CHECK(us::test::difference(x.grad(), Values{-2, 2}) == "");
}

TEST_CASE("a walk that the watch stops leaves nothing half-made for the next one") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2, 2}, us::identity());
  us::Tape<double> tape({.watch = us::Watch::raise});
  const us::Var x = tape.variable({1, 2}, Values{1, 2});
  const us::Var bad = tape.variable({1, 2}, Values{0, 0});
  const us::Mark mark = tape.mark();
  for (int round = 0; round < 3; ++round) {
    const us::Var trunk = x * 3.0, other = trunk * 1.0;
    tape.keep_grad(other);
    const us::Var h = matmul(other, w), root = sqrt(bad);
    const us::Var loss = sum(matmul(root + trunk, w) + h * 5.0);
    UNSPOOL_CHECK_ERROR(tape.backward(loss), nonfinite, "sqrt: the backward pass gave the first NaN or infinity");
    params.zero_grad();
    // The trunk had received a part of its gradient and was not visited.
    const us::Var plain = sum(trunk * 1.0);
    const double before = x.grad()[0];
    tape.backward(plain);
    CHECK(x.grad()[0] - before == 3);
    tape.rewind(mark);
    const us::Var a = x * 2.0, b = x * 4.0;
    tape.backward(sum(matmul(a, w) + matmul(b, w)));
    CHECK(us::test::difference(w.grad(), Values{6, 6, 12, 12}) == "");
    tape.rewind(mark);
  }
}

TEST_CASE("a watch that is off looks at nothing") {
  us::Tape<double> tape;
  const us::Var x = tape.variable({1}, Values{-1});
  tape.backward(sum(log(x)));
  CHECK(tape.first_nonfinite().empty());
  tape.watch(us::Watch::record);
  (void)log(x);
  CHECK(tape.first_nonfinite().find("forward of log") == 0);
}

TEST_CASE("a rewind past the first NaN forgets it, and the watch goes on") {
  us::Tape<double> tape({.watch = us::Watch::record});
  const us::Var x = tape.variable({1}, std::vector<double>{-1});
  const us::Mark mark = tape.mark();
  (void)log(x);
  CHECK(tape.first_nonfinite().find("log") != std::string::npos);
  tape.rewind(mark);
  CHECK(tape.first_nonfinite() == "");
  (void)sqrt(x);
  CHECK(tape.first_nonfinite().find("sqrt") != std::string::npos);
}
