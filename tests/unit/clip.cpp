#include "unspool/clip.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/caught.hpp"

namespace us = unspool;

namespace {

template <class T>
us::ParameterSet<T> with_gradients(std::initializer_list<T> first, std::initializer_list<T> second) {
  us::ParameterSet<T> params;
  for (const auto& [name, values] : {std::pair{"a", first}, std::pair{"b", second}}) {
    auto& p = params.add(name, {static_cast<std::int64_t>(values.size())}, us::zeros());
    std::copy(values.begin(), values.end(), p.grad().begin());
  }
  return params;
}

}  // namespace

TEST_CASE_TEMPLATE("the norm is of all gradients together and scales them below the bound", T, float, double) {
  auto params = with_gradients<T>({3, 0}, {4, 12});
  const double tolerance = sizeof(T) == 4 ? 1e-6 : 1e-14;
  CHECK(us::clip_grad_norm(params, 6.5) == doctest::Approx(13).epsilon(tolerance));
  const double scale = 6.5 / (13 + 1e-6);
  CHECK(params["a"].grad()[0] == doctest::Approx(3 * scale).epsilon(tolerance));
  CHECK(params["b"].grad()[1] == doctest::Approx(12 * scale).epsilon(tolerance));
  const T before = params["b"].grad()[0];
  CHECK(us::clip_grad_norm(params, 100) == doctest::Approx(6.5).epsilon(1e-6));
  CHECK(params["b"].grad()[0] == before);
}

TEST_CASE("a norm whose square overflows or underflows is still exact and still clipped") {
  auto huge = with_gradients<float>({3e30f}, {4e30f});
  CHECK(us::clip_grad_norm(huge, 1) == doctest::Approx(5e30).epsilon(1e-6));
  CHECK(huge["a"].grad()[0] == doctest::Approx(0.6).epsilon(1e-6));
  auto tiny = with_gradients<double>({3e-200}, {-4e-200});
  CHECK(us::clip_grad_norm(tiny, 1) == doctest::Approx(5e-200).epsilon(1e-14));
  CHECK(tiny["b"].grad()[0] == -4e-200);
}

TEST_CASE("a norm that is not finite is returned and nothing is scaled") {
  const double inf = std::numeric_limits<double>::infinity();
  for (const double bad : {inf, -inf, std::numeric_limits<double>::quiet_NaN()}) {
    auto params = with_gradients<double>({1, bad}, {1000});
    CHECK_FALSE(std::isfinite(us::clip_grad_norm(params, 1)));
    CHECK(params["a"].grad()[0] == 1);
    CHECK(params["b"].grad()[0] == 1000);
  }
}

TEST_CASE("unused and frozen parameters have no part in the norm and are not materialised") {
  auto params = with_gradients<double>({3}, {4});
  params.add("unused", {2}, us::ones());
  params["b"].set_trainable(false);
  CHECK(us::clip_grad_norm(params, 1.5) == 3);
  CHECK(params["unused"].grad_is_zero());
  CHECK(params["b"].grad()[0] == 4);
  CHECK(us::clip_grad_norm(us::ParameterSet<double>(), 1) == 0);
}

TEST_CASE_TEMPLATE("clip_grad_value clamps every element and leaves NaN", T, float, double) {
  const T nan = std::numeric_limits<T>::quiet_NaN();
  auto params = with_gradients<T>({T(-3), T(0.25), nan}, {T(1e30)});
  us::clip_grad_value(params, 0.5);
  CHECK(params["a"].grad()[0] == T(-0.5));
  CHECK(params["a"].grad()[1] == T(0.25));
  CHECK(std::isnan(params["a"].grad()[2]));
  CHECK(params["b"].grad()[0] == T(0.5));
}

TEST_CASE("bounds that are not above zero are rejected") {
  us::ParameterSet<float> params;
  UNSPOOL_CHECK_ERROR(us::clip_grad_norm(params, 0), bad_argument, "clip_grad_norm: max_norm must be above 0; given 0");
  UNSPOOL_CHECK_ERROR(us::clip_grad_norm(params, std::nan("")), bad_argument, "given nan");
  UNSPOOL_CHECK_ERROR(us::clip_grad_value(params, -1), bad_argument,
                      "clip_grad_value: limit must be above 0; given -1");
}
