// What a program that carries history on by mistake is told: which value it is, where it was made, and what to do.
#include <doctest/doctest.h>

#include <optional>

#include "support/caught.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"
#include "unspool/warning.hpp"

namespace us = unspool;

namespace {

std::string told;
int times = 0;

/// While it lives, warnings are written down.
struct Listening {
  us::WarningHandler before = us::set_warning_handler([](const char* text) {
    told = text;
    ++times;
  });
  Listening() { told.clear(), times = 0; }
  ~Listening() { us::set_warning_handler(before); }
};

/// A recurrence that is trained window by window.
struct Model {
  us::ParameterSet<double> params{us::Seed{1}};
  us::Parameter<double>& w = params.add("w", {3, 3}, us::orthogonal());
  us::Tape<double> tape;
  us::Var<double> h = tape.ones({1, 3});

  us::Var<double> window(int begin, int end) {
    us::Var<double> loss;
    for (int t = begin; t < end; ++t) {
      const auto scope = tape.scope("decoder");
      const auto step = tape.step(t);
      h = tanh(matmul(h, w));
      loss = loss.empty() ? sum(h) : loss + sum(h);
    }
    return loss;
  }
};

}  // namespace

TEST_CASE("a state that is carried over a reset is named with its op, step and line, and what to do is said") {
  Model model;
  model.tape.backward(model.window(0, 5));
  model.tape.reset();
  const auto error = us::test::error_from([&] { (void)model.window(5, 10); });
  CHECK(error.code() == us::ErrorCode::stale_handle);
  CHECK_MESSAGE(us::test::says(error, "matmul: operand %"), error.what());
  CHECK_MESSAGE(us::test::says(error, " (tanh in decoder/t=4, history.cpp:"), error.what());
  CHECK_MESSAGE(
      us::test::says(error, "belongs to an earlier recording; a state goes on as numbers, which TruncatedBptt carries"),
      error.what());
  CHECK_MESSAGE(us::test::says(error, "in decoder/t=5, history.cpp:"), error.what());
}

TEST_CASE("a view that is carried over a reset is named with the op whose value it shows") {
  us::Tape<double> tape;
  const us::Var<double> part = slice(tanh(tape.ones({4, 2})), 0, 1, 3);
  tape.reset();
  UNSPOOL_CHECK_ERROR(part * 2.0, stale_handle, " (slice of tanh, history.cpp:");
}

TEST_CASE("only the last nodes of a long recording have names, the others their numbers") {
  us::Tape<double> tape;
  const us::Var<double> early = tape.ones({1});
  us::Var<double> late = early;
  for (int i = 0; i < 3000; ++i) late = tanh(late);
  tape.reset();
  UNSPOOL_CHECK_ERROR(late + 1.0, stale_handle, "operand %3000 (tanh, history.cpp:");
  UNSPOOL_CHECK_ERROR(early + 1.0, stale_handle, "operand %0 belongs to an earlier recording");
  tape.reset();
  UNSPOOL_CHECK_ERROR(late + 1.0, stale_handle, "operand %3000 belongs to an earlier recording");
}

TEST_CASE("a walk that comes to an earlier window names the value that it reaches and the op that reads it") {
  Model model;
  model.tape.backward(model.window(0, 5));
  const us::Var<double> loss = model.window(5, 10);
  const auto error = us::test::error_from([&] { model.tape.backward(loss); });
  CHECK(error.code() == us::ErrorCode::backward_twice);
  CHECK_MESSAGE(us::test::says(error, " (tanh in decoder/t=4, history.cpp:"), error.what());
  CHECK_MESSAGE(us::test::says(error, "was walked by an earlier backward; %"), error.what());
  CHECK_MESSAGE(us::test::says(error, " (matmul in decoder/t=5, history.cpp:"), error.what());
  CHECK_MESSAGE(us::test::says(error, "reads it; to cut the history there, detach() it"), error.what());
}

TEST_CASE("a tape that grows window after window is warned of once, with the value that leads back") {
  const Listening listening;
  Model model;
  for (int k = 0; k < 20; ++k) {
    model.tape.backward(model.window(5 * k, 5 * k + 5));
    model.h = detach(model.h);
    CHECK(times == (k < 7 ? 0 : 1));
  }
  CHECK_MESSAGE(told.find("backward: 8 windows lie on a tape that was not reset") == 0, told);
  CHECK_MESSAGE(told.find("(detach, history.cpp:") != std::string::npos, told);
  CHECK_MESSAGE(told.find("the newest reads %138 (tanh in decoder/t=34, history.cpp:") != std::string::npos, told);
  CHECK_MESSAGE(told.find("TruncatedBptt") != std::string::npos, told);
}

TEST_CASE("windows that have nothing to do with one another are warned of, too, when no reset comes between") {
  const Listening listening;
  Model model;
  for (int k = 0; k < 8; ++k) {
    model.h = model.tape.ones({1, 3});
    model.tape.backward(model.window(0, 5));
  }
  CHECK(times == 1);
  CHECK_MESSAGE(told.find("nothing in the newest reads the ones before") != std::string::npos, told);
}

TEST_CASE("no warning comes where windows are reset, rewound, or rows of what they share") {
  const Listening listening;
  Model model;
  for (int k = 0; k < 20; ++k) {
    model.tape.reset();
    model.h = model.tape.ones({1, 3});
    model.tape.backward(model.window(0, 5));
  }
  model.tape.reset();
  const us::Mark mark = model.tape.mark();
  for (int k = 0; k < 20; ++k) {
    model.tape.rewind(mark);
    model.h = model.tape.ones({1, 3});
    model.tape.backward(model.window(0, 5));
  }
  model.tape.reset();
  const us::Var<double> y = detach(tanh(model.tape.ones({40})));
  for (int k = 0; k < 40; ++k) model.tape.backward(sum(select(y, 0, k) * model.w));
  CHECK(times == 0);
}

TEST_CASE("nobody is told where nobody wants to be") {
  const us::WarningHandler before = us::set_warning_handler(nullptr);
  us::detail::warn("unheard");
  CHECK((us::set_warning_handler(before) == nullptr));
}
