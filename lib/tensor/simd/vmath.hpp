// exp, log, tanh and their relatives. Error bounds are measured by tests/unit/kernels_vmath.cpp: at most 2 ulp in
// double and 4 in float over the whole range; subnormal results, infinities, NaN and the sign of zero are kept.
//
// Two reductions carry everything:
//   e^x = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2, and e^r - 1 = r + r^2 q(r);
//   log x = k ln 2 + log(1 + f), s = f / (2 + f), log(1 + f) = f - f^2/2 + s (f^2/2 + s^2 R(s^2)).
// q and R are Chebyshev fits on the reduced interval, their errors below 0.15 ulp of the result.
#pragma once

#include "tensor/simd/batch.hpp"

namespace unspool::kernels::simd::UNSPOOL_SIMD {

template <class T>
struct Constants;

template <>
struct Constants<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr Bits bias = 127, sqrt_half = 0x3f3504f3, exponent_mask = 0xff800000, two_to_mantissa = 0x4b000000;
  static constexpr float log2e = 0x1.715476p+0f;
  // n * ln2_hi is exact for every exponent n.
  static constexpr float ln2_hi = 0x1.62e4p-1f, ln2_lo = 0x1.7f7d1cp-20f;
  static constexpr float round_magic = 0x1.8p+23f;  // adding it leaves the nearest integer in the low bits
  static constexpr float exp_low = -105.0f, exp_high = 89.0f, expm1_low = -20.0f;
  static constexpr float tanh_saturated = 10.0f;
  static constexpr float subnormal_scale = 0x1p+25f, subnormal_exponent = 25.0f;
  static constexpr float smallest_normal = 0x1p-126f;
  static constexpr float q_even[] = {0.5f, 0x1.55551ap-5f, 0x1.6d113cp-10f};
  static constexpr float q_odd[] = {0x1.5554dcp-3f, 0x1.120ba2p-7f};
  static constexpr float log_even[] = {0x1.55555cp-1f, 0x1.2eeb80p-2f};
  static constexpr float log_odd[] = {0x1.997c12p-2f};
};

template <>
struct Constants<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr Bits bias = 1023, sqrt_half = 0x3fe6a09e667f3bcd, exponent_mask = 0xfff0000000000000,
                        two_to_mantissa = 0x4330000000000000;
  static constexpr double log2e = 0x1.71547652b82fep+0;
  static constexpr double ln2_hi = 0x1.62e42fefa38p-1, ln2_lo = 0x1.ef35793c7673p-45;
  static constexpr double round_magic = 0x1.8p+52;
  static constexpr double exp_low = -746.0, exp_high = 710.0, expm1_low = -40.0;
  static constexpr double tanh_saturated = 20.0;
  static constexpr double subnormal_scale = 0x1p+54, subnormal_exponent = 54.0;
  static constexpr double smallest_normal = 0x1p-1022;
  static constexpr double q_even[] = {0.5, 0x1.5555555553d4fp-5, 0x1.6c16c17893833p-10, 0x1.a019b8ef67c6cp-16,
                                      0x1.2891a8c1d838dp-22};
  static constexpr double q_odd[] = {0x1.5555555555556p-3, 0x1.11111111109adp-7, 0x1.a01a01a7c8d47p-13,
                                     0x1.71de0d9c145d0p-19, 0x1.af38d53857513p-26};
  static constexpr double log_even[] = {0x1.5555555555558p-1, 0x1.2492492e09d4dp-2, 0x1.7462bd8f7796ep-3,
                                        0x1.2b6688a387e03p-3};
  static constexpr double log_odd[] = {0x1.9999999995204p-2, 0x1.c71c62c639fdep-3, 0x1.39fd392179a95p-3};
};

template <class A, class T>
using BitBatch = xsimd::batch<typename Constants<T>::Bits, A>;

template <class A, class T>
UNSPOOL_INLINE BitBatch<A, T> to_bits(Batch<A, T> x) {
  return xsimd::bitwise_cast<BitBatch<A, T>>(x);
}
template <class A, class T, class B>
UNSPOOL_INLINE Batch<A, T> from_bits(B bits) {
  return xsimd::bitwise_cast<Batch<A, T>>(bits);
}

template <class A, class T, int count>
UNSPOOL_INLINE Batch<A, T> horner(const T (&coefficients)[count], Batch<A, T> x) {
  Batch<A, T> sum(coefficients[count - 1]);
#pragma GCC unroll 16
  for (int i = count - 2; i >= 0; --i) sum = madd<A>(sum, x, Batch<A, T>(coefficients[i]));
  return sum;
}

// The processor's min and max return their second operand when either is NaN: the order here keeps a NaN in x.
template <class A, class T>
UNSPOOL_INLINE Batch<A, T> at_most(T high, Batch<A, T> x) {
  return xsimd::min(Batch<A, T>(high), x);
}
template <class A, class T>
UNSPOOL_INLINE Batch<A, T> at_least(T low, Batch<A, T> x) {
  return xsimd::max(Batch<A, T>(low), x);
}

// 2^n from magic + bias + n: shifting out the magic's own bits leaves bias + n in the exponent field.
template <class A, class T>
UNSPOOL_INLINE Batch<A, T> power_from_magic(Batch<A, T> magic_plus_biased) {
  return from_bits<A, T>(to_bits<A, T>(magic_plus_biased) << Constants<T>::mantissa_bits);
}
template <class T>
inline constexpr T biased_magic = Constants<T>::round_magic + static_cast<T>(Constants<T>::bias);

template <class A, class T>
struct Reduced {
  Batch<A, T> n, p, low;  // e^x = 2^n (1 + p + low); low is zero in float
};

template <class A, class T>
UNSPOOL_INLINE Reduced<A, T> reduce_exp(Batch<A, T> x) {
  using C = Constants<T>;
  const Batch<A, T> magic(C::round_magic);
  const Batch<A, T> n = madd<A>(x, Batch<A, T>(C::log2e), magic) - magic;
  const Batch<A, T> high = nmadd<A>(n, Batch<A, T>(C::ln2_hi), x);
  const Batch<A, T> r = nmadd<A>(n, Batch<A, T>(C::ln2_lo), high);
  const Batch<A, T> r2 = r * r;
  // Even and odd powers as two chains: half the latency of one.
  const Batch<A, T> q = madd<A>(horner<A>(C::q_odd, r2), r, horner<A>(C::q_even, r2));
  if constexpr (sizeof(T) == 4) return {n, madd<A>(q, r2, r), Batch<A, T>(T(0))};
  // What rounding r and p lost: tanh in double needs both back to stay below 2 ulp.
  const Batch<A, T> lost = nmadd<A>(n, Batch<A, T>(C::ln2_lo), high - r);
  const Batch<A, T> rest = madd<A>(q, r2, madd<A>(lost, r, lost)), p = r + rest;
  return {n, p, rest - (p - r)};
}

/// x 2^n for an integer n, rounded once also where it is subnormal.
template <class A, class T>
UNSPOOL_INLINE Batch<A, T> times_power(Batch<A, T> x, Batch<A, T> n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return _mm512_scalef_ps(x, n);
  else
    return _mm512_scalef_pd(x, n);
#else
  // In two factors: neither overflows before the result does.
  const Batch<A, T> half_magic = madd<A>(n, Batch<A, T>(T(0.5)), Batch<A, T>(biased_magic<T>));
  const Batch<A, T> rest_magic = (n - (half_magic - Batch<A, T>(biased_magic<T>))) + Batch<A, T>(biased_magic<T>);
  return x * power_from_magic<A, T>(half_magic) * power_from_magic<A, T>(rest_magic);
#endif
}

/// e^x for exp_low <= x <= exp_high.
template <class A, class T>
UNSPOOL_INLINE Batch<A, T> exp_in_range(Batch<A, T> x) {
  const Reduced<A, T> e = reduce_exp<A, T>(x);
  return times_power<A, T>(Batch<A, T>(T(1)) + e.p, e.n);
}

template <class A, class T>
UNSPOOL_INLINE Batch<A, T> vexp(Batch<A, T> x) {
  using C = Constants<T>;
  return exp_in_range<A, T>(at_most<A>(C::exp_high, at_least<A>(C::exp_low, x)));
}

/// e^-|x|.
template <class A, class T>
UNSPOOL_INLINE Batch<A, T> vexp_negative(Batch<A, T> x) {
  return exp_in_range<A, T>(at_least<A>(Constants<T>::exp_low, x | Batch<A, T>(T(-0.0))));
}

template <class A, class T>
UNSPOOL_INLINE Batch<A, T> vexpm1(Batch<A, T> x) {
  using C = Constants<T>;
  const auto [n, p, p_low] = reduce_exp<A, T>(at_most<A>(C::exp_high, at_least<A>(C::expm1_low, x)));
  static_cast<void>(p_low);
  // 2 (2^(n-1) p + (2^(n-1) - 1/2)): n reaches one more than the largest exponent.
  const Batch<A, T> half_power = power_from_magic<A, T>(n + Batch<A, T>(biased_magic<T> - 1));
  const Batch<A, T> y = T(2) * madd<A>(half_power, p, half_power - T(0.5));
  // Halving would round a subnormal.
  return xsimd::select(xsimd::abs(x) < Batch<A, T>(4 * C::smallest_normal), x, y);
}

// (numerator + low) / (whole + part + low_part), the sum between 1 and 2. In float this is a plain quotient, four ulp
// leave room for its errors. In double the rounding of the sum, up to one ulp of the quotient, is put back together
// with the low parts: the exact quotient is q + (low - q (lost + low_part)) / sum, and 1 / sum = 3/2 - sum / 2 to
// first order.
template <class A, class T>
UNSPOOL_INLINE Batch<A, T> divide_by_sum(Batch<A, T> numerator, Batch<A, T> low, T whole, Batch<A, T> part,
                                         Batch<A, T> low_part) {
  const Batch<A, T> sum = part + whole;
  const Batch<A, T> q = fast_div<A>(numerator, sum);
  if constexpr (sizeof(T) == 4) return q;
  const Batch<A, T> lost = (part - (sum - whole)) + low_part;
  const Batch<A, T> inverse = nmadd<A>(sum, Batch<A, T>(T(0.5)), Batch<A, T>(T(1.5)));
  return madd<A>(nmadd<A>(q, lost, low), inverse, q);
}

template <class A, class T>
UNSPOOL_INLINE Batch<A, T> vtanh(Batch<A, T> x) {
  using C = Constants<T>;
  // With e = expm1(-2|x|) in (-1, 0], tanh|x| = -e / (2 + e): no cancellation anywhere, and exact for tiny x.
  const Batch<A, T> magnitude = at_most<A>(C::tanh_saturated, xsimd::abs(x));
  const auto [n, p, p_low] = reduce_exp<A, T>(T(-2) * magnitude);
  const Batch<A, T> power = power_from_magic<A, T>(n + Batch<A, T>(biased_magic<T>));
  const Batch<A, T> whole = power - T(1), e = madd<A>(power, p, whole);
  // What rounding e lost (whole outweighs the product unless it is 0), and what p had lost before.
  const Batch<A, T> low = madd<A>(power, p_low, power * p - (e - whole));
  const Batch<A, T> y = divide_by_sum<A, T>(e, low, T(2), e, low);
  return xsimd::abs(y) | (x & Batch<A, T>(T(-0.0)));
}

template <class A, class T>
UNSPOOL_INLINE Batch<A, T> vsigmoid(Batch<A, T> x) {
  // e never overflows, and both sides keep their relative accuracy.
  const Batch<A, T> e = vexp_negative<A, T>(x);
  const Batch<A, T> zero(T(0));
  return divide_by_sum<A, T>(xsimd::select(x < zero, e, Batch<A, T>(T(1))), zero, T(1), e, zero);
}

template <class A, class T>
UNSPOOL_INLINE Batch<A, T> vlog(Batch<A, T> x) {
  using C = Constants<T>;
  using B = BitBatch<A, T>;
  const auto subnormal = x < Batch<A, T>(C::smallest_normal);
  const Batch<A, T> scaled = xsimd::select(subnormal, x * C::subnormal_scale, x);
  // k is the exponent for which the mantissa lies in [sqrt(1/2), sqrt(2)); the bias keeps the shifted value positive.
  const B bits = to_bits<A, T>(scaled);
  const B offset = bits - B(C::sqrt_half) + B(C::bias << C::mantissa_bits);
  const B exponent = offset >> C::mantissa_bits;
  const Batch<A, T> k = (from_bits<A, T>(exponent | B(C::two_to_mantissa)) -
                         (from_bits<A, T>(B(C::two_to_mantissa)) + static_cast<T>(C::bias))) -
                        xsimd::select(subnormal, Batch<A, T>(C::subnormal_exponent), Batch<A, T>(T(0)));
  const B mantissa = bits - ((offset & B(C::exponent_mask)) - B(C::bias << C::mantissa_bits));
  const Batch<A, T> f = from_bits<A, T>(mantissa) - T(1);
  const Batch<A, T> s = f / (f + T(2));
  const Batch<A, T> z = s * s, w = z * z;
  const Batch<A, T> R = z * madd<A>(horner<A>(C::log_odd, w), z, horner<A>(C::log_even, w));
  const Batch<A, T> half_square = T(0.5) * f * f;
  const Batch<A, T> small = madd<A>(k, Batch<A, T>(C::ln2_lo), s * (half_square + R));
  const Batch<A, T> y = madd<A>(k, Batch<A, T>(C::ln2_hi), f - (half_square - small));
  const Batch<A, T> infinity(__builtin_huge_val());
  const Batch<A, T> invalid(static_cast<T>(__builtin_nan("")));
  // Zero gives -infinity, a negative x NaN; +infinity and NaN are their own logarithms.
  const Batch<A, T> low = xsimd::select(x == T(0), -infinity, invalid);
  return xsimd::select(x > T(0), xsimd::select(x < infinity, y, x), xsimd::select(x == x, low, x));
}

template <class A, class T>
UNSPOOL_INLINE Batch<A, T> vlog1p(Batch<A, T> x) {
  // log(u) + (x - (u - 1)) / u: the second term is what rounding 1 + x lost.
  const Batch<A, T> u = T(1) + x;
  const Batch<A, T> lost = (x - (u - T(1))) / u;
  const Batch<A, T> y = vlog<A, T>(u);
  const Batch<A, T> corrected = xsimd::select(lost == lost, y + lost, y);  // u of 0 or infinity: no correction
  return xsimd::select(u == T(1), x, corrected);
}

template <class A, class T>
UNSPOOL_INLINE Batch<A, T> vsoftplus(Batch<A, T> x) {
  return vlog1p<A, T>(vexp_negative<A, T>(x)) + at_least<A>(T(0), x);
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
