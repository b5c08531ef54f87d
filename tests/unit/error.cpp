#include "unspool/error.hpp"

#include <doctest/doctest.h>

#include <set>

#include "support/caught.hpp"
#include "unspool/ops.hpp"

namespace us = unspool;

TEST_CASE("an error reads: op, what must hold, where, number") {
  const us::Error e(us::ErrorCode::shape_mismatch, "matmul", "inner sizes must match; 64 and 128",
                    "at %41 in encoder/t=3");
  CHECK(std::string(e.what()) == "matmul: inner sizes must match; 64 and 128; at %41 in encoder/t=3 (E001)");
  CHECK(e.code() == us::ErrorCode::shape_mismatch);
  CHECK(e.op() == "matmul");
  CHECK(e.where() == "at %41 in encoder/t=3");
  CHECK(std::string(us::Error(us::ErrorCode::bad_shape, "shape", "at most 8 axes").what()) ==
        "shape: at most 8 axes (E002)");
}

TEST_CASE("every error has a name, a cause and a remedy of its own") {
  std::set<std::string_view> names;
  for (int number = 1; number < 200; ++number) {
    const auto code = static_cast<us::ErrorCode>(number);
    if (us::error_name(code).empty()) continue;
    CAPTURE(number);
    CHECK(names.insert(us::error_name(code)).second);
    CHECK(us::error_cause(code).back() == '.');
    CHECK(us::error_remedy(code).back() == '.');
  }
  CHECK(names.count("shape_mismatch") == 1);
  CHECK(names.count("gradient_mismatch") == 1);
  CHECK(us::error_name(static_cast<us::ErrorCode>(0)).empty());
}

TEST_CASE("a wrong shape names op, operands, step, scope and the caller's line") {
  us::Tape<> tape;
  const auto scope = tape.scope("encoder");
  const auto step = tape.step(3);
  const us::Var a = tape.zeros({32, 64}), b = tape.zeros({128, 10});
  const int line = __LINE__ + 1;
  const auto e = us::test::error_from([&] { matmul(a, b); });
  CHECK(e.code() == us::ErrorCode::shape_mismatch);
  CHECK(e.op() == "matmul");
  CHECK(e.what() ==
        "matmul: inner sizes must match; 64 and 128; operands [32,64], [128,10]; at %2 in encoder/t=3, error.cpp:" +
            std::to_string(line) + " (E001)");
}

TEST_CASE("an arithmetic operator reports the line that it stands on") {
  us::Tape<> tape;
  const us::Var a = tape.zeros({3}), b = tape.zeros({4});
  const int line = __LINE__ + 1;
  const auto e = us::test::error_from([&] { (void)(a + b); });
  CHECK(e.code() == us::ErrorCode::shape_mismatch);
  CHECK(us::test::says(e, "add: shapes must broadcast; operands [3], [4]; at %2, error.cpp:" + std::to_string(line)));
}
