#include "tape/labels.hpp"

#include <doctest/doctest.h>

#include <memory>

#include "support/caught.hpp"
#include "tape/tape_core.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;

namespace {

// The label that a node recorded now would carry: " in encoder/t=3" without the rest.
std::string label(us::Tape<double>& tape) {
  const us::detail::TapeCore& core = *tape.core();
  const std::string text = core.where_text(core.labels().current(), {}, 0);
  return text == "at %0" ? "" : text.substr(std::string("at %0 in ").size());
}

}  // namespace

TEST_CASE("scopes nest, steps replace each other, guards restore") {
  us::Tape<double> tape;
  CHECK(label(tape) == "");
  {
    const auto encoder = tape.scope("encoder");
    CHECK(label(tape) == "encoder");
    {
      const auto layer = tape.scope("lstm.0");
      const auto step = tape.step(3);
      CHECK(label(tape) == "encoder/lstm.0/t=3");
      const auto inner = tape.step(4);
      CHECK(label(tape) == "encoder/lstm.0/t=4");
    }
    CHECK(label(tape) == "encoder");
    const auto step = tape.step(7);
    const auto layer = tape.scope("head");
    CHECK(label(tape) == "encoder/head/t=7");
  }
  CHECK(label(tape) == "");
  const auto step = tape.step(0);
  CHECK(label(tape) == "t=0");
  UNSPOOL_CHECK_ERROR((void)tape.step(-1), bad_argument, "step: a step must not be negative; given -1");
}

TEST_CASE("each node keeps the label it was recorded with; a parameter's leaf has none") {
  us::ParameterSet<double> params;
  auto& w = params.add("w", {2}, us::ones());
  us::Tape<double> tape;
  us::Var h = tape.ones({2});
  for (int t = 0; t < 3; ++t) {
    const auto scope = tape.scope("rnn");
    const auto step = tape.step(t);
    h = h * w;
  }
  const us::detail::TapeCore& core = *tape.core();
  const auto where = [&](std::uint32_t i) { return core.where_text(core.node(i).context, {}, i); };
  CHECK(where(0) == "at %0");
  CHECK(where(1) == "at %1");
  CHECK(where(2) == "at %2 in rnn/t=0");
  CHECK(where(3) == "at %3 in rnn/t=1");
  CHECK(where(4) == "at %4 in rnn/t=2");
}

TEST_CASE("a guard that lives on over a reset does not touch the labels of the next recording") {
  us::Tape<double> tape;
  std::unique_ptr<us::LabelGuard> outer(new us::LabelGuard(tape.step(1)));
  std::unique_ptr<us::LabelGuard> inner(new us::LabelGuard(tape.scope("old")));
  tape.reset();
  CHECK(label(tape) == "");
  const auto fresh = tape.scope("new");
  const auto step = tape.step(9);
  inner.reset();
  CHECK(label(tape) == "new/t=9");
  outer.reset();
  CHECK(label(tape) == "new/t=9");
}

TEST_CASE("guards that live over a rewind keep and restore their labels") {
  us::Tape<double> tape;
  (void)tape.ones({1});
  const us::Mark mark = tape.mark();
  {
    const auto scope = tape.scope("body");
    const auto step = tape.step(5);
    (void)tape.ones({1});
    tape.rewind(mark);
    CHECK(label(tape) == "body/t=5");
    (void)tape.ones({1});
    {
      const auto inner = tape.scope("inner");
      tape.rewind(mark);
      CHECK(label(tape) == "body/inner/t=5");
    }
    CHECK(label(tape) == "body/t=5");
  }
  CHECK(label(tape) == "");
  // Nothing is left behind by guards that have gone.
  tape.rewind(mark);
  CHECK(tape.core()->labels().count() == 1);
}

TEST_CASE("a guard that outlives its tape harms no other") {
  auto tape = std::make_unique<us::Tape<double>>();
  std::unique_ptr<us::LabelGuard> guard(new us::LabelGuard(tape->step(1)));
  tape.reset();
  us::Tape<double> next;
  const auto step = next.step(2);
  guard.reset();
  CHECK(label(next) == "t=2");
}

TEST_CASE("steps of a long recording cost one context each and a reset forgets them") {
  us::Tape<double> tape;
  for (int t = 0; t < 1000; ++t) {
    const auto step = tape.step(t);
    const auto scope = tape.scope("cell");
    (void)tape.scalar(0);
  }
  CHECK(tape.core()->labels().count() == 1 + 2 * 1000);
  tape.reset();
  CHECK(tape.core()->labels().count() == 1);
}
