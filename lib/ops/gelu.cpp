// op:    Var gelu(const Var& x)
// shape: y as x
// math:  y = x Phi(x), Phi the normal distribution;  dx = dy * (Phi(x) + x phi(x)), phi the normal density
// note:  The exact form with erf, not the tanh approximation (Hendrycks and Gimpel, arXiv:1606.08415, section 2).
#include <numbers>

#include "ops/op.hpp"

namespace unspool {
namespace {

constexpr double inverse_sqrt_2pi = 0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2;

// Beyond this, the tail is 0 to the last subnormal, and infinity * 0 must not arise.
constexpr double tail = 40;

// 2 Phi(x) = erfc(-x / sqrt(2)), which keeps the relative accuracy of the lower tail, where 1 + erf cancels. There the
// rounding of erfc's argument t is amplified by 2 t^2, so what rounding lost is put back to first order:
// erfc'(t) = -2 e^(-t^2) / sqrt(pi).
double twice_distribution(double x) {
  constexpr double scale = 0.5 * std::numbers::sqrt2, scale_rest = -0x1.bdd3413b26456p-55;  // 1 / sqrt(2) in two parts
  const double t = -x * scale;
  const double q = maths::erfc(t);
  if (x > -1) return q;
  const double lost = std::fma(-x, scale, -t) - x * scale_rest;
  return q - 2 * lost * std::numbers::inv_sqrtpi * maths::exp(-t * t);
}

template <class T>
T normal_density(T x) {
  return inverse_sqrt_2pi * maths::exp(-0.5 * x * x);
}

Dual<double> twice_distribution(const Dual<double>& x) {
  return maths::chained(twice_distribution(x.value), 2 * normal_density(x.value), x.tangent);
}

// Within 4 ulp, which is mostly erfc's own error, or 20 of the smallest subnormal below x = -37, where erfc has few
// digits left. In double for float too: erfc has no fast float form, and the result is then correctly rounded.
struct Gelu {
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    map(a.x(0), a.y(),
        [](T x) { return x < -tail ? T{-0.0} : static_cast<T>(0.5 * Wide<T>(x) * twice_distribution(x)); });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_map(a.dy(), a.x(0), [](T dy, T x) {
      if (maths::abs(x) > tail) return x > 0 ? dy : T{0};
      return dy * static_cast<T>(0.5 * twice_distribution(x) + x * normal_density(Wide<T>(x)));
    });
  }
};

}  // namespace

constinit const OpRule gelu_rule = make_rule<Gelu>(
    {.name = "gelu", .arity = 1, .reads = Reads::inputs, .samples = "[3,4]; [3] in -6..-3; [1] in 4..6; [2,0,3]; []"});

Handle detail::gelu(const Handle& x, Where where) { return record(gelu_rule, {x}, where); }

}  // namespace unspool
