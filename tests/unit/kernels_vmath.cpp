// Accuracy of the transcendentals of every instruction set, against long double libm.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>

#include "kernels_support.hpp"

using namespace unspool::kernels;
using namespace unspool::kernels::test;

namespace {

long double exact_sigmoid(long double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
long double exact_softplus(long double x) { return std::log1p(std::exp(-std::fabs(x))) + (x > 0 ? x : 0); }

template <class T>
struct Function {
  const char* name;
  typename KernelTable<T>::Unary KernelTable<T>::*entry;
  long double (*exact)(long double);
  double float_ulps, double_ulps;
};

template <class T>
std::vector<Function<T>> functions() {
  using K = KernelTable<T>;
  return {{"exp", &K::exp, [](long double x) { return std::exp(x); }, 4, 2},
          {"expm1", &K::expm1, [](long double x) { return std::expm1(x); }, 4, 2},
          {"log", &K::log, [](long double x) { return std::log(x); }, 4, 2},
          {"log1p", &K::log1p, [](long double x) { return std::log1p(x); }, 4, 3},
          {"tanh", &K::tanh, [](long double x) { return std::tanh(x); }, 4, 2},
          {"sigmoid", &K::sigmoid, exact_sigmoid, 4, 2},
          {"softplus", &K::softplus, exact_softplus, 4, 3}};
}

/// Every exponent with random mantissas and both signs, then dense ranges where the functions bend.
template <class T>
std::vector<T> sweep(int mantissas, int dense) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  constexpr int mantissa_bits = std::numeric_limits<T>::digits - 1, exponents = sizeof(T) == 4 ? 255 : 2047;
  std::mt19937_64 engine(7);
  std::vector<T> x;
  for (Bits exponent = 0; exponent < static_cast<Bits>(exponents); ++exponent)
    for (int i = 0; i < mantissas; ++i) {
      const Bits mantissa = i == 0   ? 0
                            : i == 1 ? (Bits{1} << mantissa_bits) - 1
                                     : static_cast<Bits>(engine()) & ((Bits{1} << mantissa_bits) - 1);
      const T value = std::bit_cast<T>(exponent << mantissa_bits | mantissa);
      x.push_back(value);
      x.push_back(-value);
    }
  const double log_max = std::log(static_cast<double>(std::numeric_limits<T>::max()));
  for (double range : {0.1, 1.0, 10.0, 40.0, 1.05 * log_max, 1.1 * log_max}) {
    std::uniform_real_distribution<double> distribution(-range, range);
    for (int i = 0; i < dense; ++i) x.push_back(static_cast<T>(distribution(engine)));
  }
  std::uniform_real_distribution<double> near_one(0.5, 2.0);
  for (int i = 0; i < dense; ++i) x.push_back(static_cast<T>(near_one(engine)));
  return x;
}

template <class T>
void check_accuracy(int mantissas, int dense) {
  const std::vector<T> x = sweep<T>(mantissas, dense);
  std::vector<long double> exact(x.size());
  std::vector<T> y(x.size());
  for (const Function<T>& f : functions<T>()) {
    std::transform(x.begin(), x.end(), exact.begin(), [&](T v) { return f.exact(v); });
    for (Isa isa : available_isas()) {
      if (isa == Isa::scalar) continue;
      (kernel_table_for<T>(isa).*f.entry)(static_cast<int64_t>(x.size()), x.data(), y.data());
      double worst = 0;
      T worst_at = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double error = ulps(y[i], exact[i]);
        if (error > worst) worst = error, worst_at = x[i];
      }
      CAPTURE(std::string(isa_name(isa)));
      CAPTURE(std::string(f.name));
      CAPTURE(worst_at);
      CHECK(worst <= (sizeof(T) == 4 ? f.float_ulps : f.double_ulps));
    }
  }
}

}  // namespace

TEST_CASE("float exp, log, tanh, sigmoid stay within 4 ulp over every exponent") { check_accuracy<float>(400, 50000); }

TEST_CASE("double exp, log, tanh, sigmoid stay within 2 ulp over every exponent") { check_accuracy<double>(40, 50000); }

TEST_CASE_TEMPLATE("transcendentals keep NaN, infinities and the sign of zero", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for (Isa isa : available_isas()) {
    CAPTURE(std::string(isa_name(isa)));
    const KernelTable<T>& t = kernel_table_for<T>(isa);
    const auto of = [](auto f, T x) {
      T y = 42;
      f(1, &x, &y);
      return y;
    };
    for (auto f : {t.exp, t.expm1, t.log, t.log1p, t.tanh, t.sigmoid, t.softplus, t.relu, t.sqrt, t.abs, t.neg})
      CHECK(std::isnan(of(f, nan)));
    CHECK(of(t.exp, inf) == inf);
    CHECK(of(t.exp, -inf) == 0);
    CHECK(of(t.exp, T(0)) == 1);
    CHECK(of(t.expm1, inf) == inf);
    CHECK(of(t.expm1, -inf) == -1);
    CHECK(of(t.log, inf) == inf);
    CHECK(of(t.log, T(0)) == -inf);
    CHECK(of(t.log, T(1)) == 0);
    CHECK(std::isnan(of(t.log, T(-1))));
    CHECK(std::isnan(of(t.log, -inf)));
    CHECK(of(t.log1p, T(-1)) == -inf);
    CHECK(of(t.log1p, inf) == inf);
    CHECK(std::isnan(of(t.log1p, T(-2))));
    CHECK(of(t.tanh, inf) == 1);
    CHECK(of(t.tanh, -inf) == -1);
    CHECK(of(t.sigmoid, inf) == 1);
    CHECK(of(t.sigmoid, -inf) == 0);
    CHECK(of(t.softplus, inf) == inf);
    CHECK(of(t.softplus, -inf) == 0);
    for (auto f : {t.tanh, t.expm1, t.log1p}) {
      CHECK(std::signbit(of(f, T(-0.0))));
      CHECK(!std::signbit(of(f, T(0.0))));
      const T tiny = std::numeric_limits<T>::denorm_min();
      CHECK(of(f, tiny) == tiny);
      CHECK(of(f, -tiny) == -tiny);
    }
  }
}

TEST_CASE_TEMPLATE("an element has the same bits alone as inside a long array", T, float, double) {
  const std::vector<T> x = uniform<T>(103, 3, -5, 5);
  for (Isa isa : available_isas()) {
    const KernelTable<T>& t = kernel_table_for<T>(isa);
    for (auto f : {t.exp, t.tanh, t.sigmoid, t.log, t.softplus}) {
      std::vector<T> together(x.size());
      f(103, x.data(), together.data());
      for (std::size_t i = 0; i < x.size(); ++i) {
        T alone = 0;
        f(1, &x[i], &alone);
        CHECK(same(alone, together[i]));
      }
    }
  }
}
