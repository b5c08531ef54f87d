// The few operations that xsimd 8.1 lacks or implements slowly, on top of its batches; everything in simd/ builds on
// these names.
//
// Each isa_*.cpp defines `xsimd` to a name of its own before it includes this, so that every translation unit has a
// private copy of that namespace: its inline functions are compiled here under flags that differ between units, and
// the linker, which keeps one copy of equal names, could hand AVX-512 code to a machine without it. UNSPOOL_SIMD names
// our own namespace for the same reason. Standard library templates stay out of simd/ altogether.
#pragma once

#if !defined(UNSPOOL_SIMD) || !defined(xsimd)
#error "kernel files are compiled once per instruction set; see isa_avx2.cpp"
#endif
#include <cstdint>
#include <xsimd/xsimd.hpp>

#define UNSPOOL_INLINE inline __attribute__((always_inline))

namespace unspool::kernels::simd::UNSPOOL_SIMD {

using std::int64_t;

template <class A, class T>
using Batch = xsimd::batch<T, A>;

template <class A, class T>
inline constexpr int lanes = static_cast<int>(Batch<A, T>::size);

#if defined(__AVX512F__)
inline constexpr bool has_fma = true;
inline constexpr bool has_avx512 = true;
#elif defined(__FMA__)
inline constexpr bool has_fma = true;
inline constexpr bool has_avx512 = false;
#else
inline constexpr bool has_fma = false;
inline constexpr bool has_avx512 = false;
#endif

// a * b + c, fused where the instruction exists. xsimd 8.1 has no fma for AVX-512: it multiplies and adds.
template <class A>
UNSPOOL_INLINE Batch<A, float> madd(Batch<A, float> a, Batch<A, float> b, Batch<A, float> c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}
template <class A>
UNSPOOL_INLINE Batch<A, double> madd(Batch<A, double> a, Batch<A, double> b, Batch<A, double> c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_pd(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_pd(a, b, c);
#else
  return a * b + c;
#endif
}
// c - a * b.
template <class A>
UNSPOOL_INLINE Batch<A, float> nmadd(Batch<A, float> a, Batch<A, float> b, Batch<A, float> c) {
#if defined(__AVX512F__)
  return _mm512_fnmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fnmadd_ps(a, b, c);
#else
  return c - a * b;
#endif
}
template <class A>
UNSPOOL_INLINE Batch<A, double> nmadd(Batch<A, double> a, Batch<A, double> b, Batch<A, double> c) {
#if defined(__AVX512F__)
  return _mm512_fnmadd_pd(a, b, c);
#elif defined(__FMA__)
  return _mm256_fnmadd_pd(a, b, c);
#else
  return c - a * b;
#endif
}

template <class A, class T>
UNSPOOL_INLINE Batch<A, T> load_all(const T* p) {
  return Batch<A, T>::load_unaligned(p);
}
template <class A, class T>
UNSPOOL_INLINE void store_all(T* p, Batch<A, T> x) {
  x.store_unaligned(p);
}

#if defined(__AVX512F__)
inline __mmask16 first_lanes(int64_t count) { return static_cast<__mmask16>((1u << count) - 1); }
#elif defined(__AVX2__)
inline __m256i first_lanes(int64_t count, float) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline __m256i first_lanes(int64_t count, double) {
  return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
}
#endif

// A load that follows a store of the same bytes gets them from the store buffer, unless either is masked: then it waits
// for the cache, some 15 cycles. Chains of operations on one number or half a vector are common enough to avoid that.

/// The first `count` < lanes elements; the others are zero and their memory is not touched.
template <class A>
UNSPOOL_INLINE Batch<A, float> load_first(const float* p, int64_t count) {
#if defined(__AVX512F__)
  if (count == 1) return _mm512_zextps128_ps512(_mm_load_ss(p));
  if (count == 8) return _mm512_zextps256_ps512(_mm256_loadu_ps(p));
  return _mm512_maskz_loadu_ps(first_lanes(count), p);
#elif defined(__AVX2__)
  if (count == 1) return _mm256_zextps128_ps256(_mm_load_ss(p));
  if (count == 4) return _mm256_zextps128_ps256(_mm_loadu_ps(p));
  return _mm256_maskload_ps(p, first_lanes(count, float{}));
#else
  if (count == 1) return _mm_load_ss(p);
  const __m128 low = _mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  return count == 2 ? low : _mm_movelh_ps(low, _mm_load_ss(p + 2));
#endif
}
template <class A>
UNSPOOL_INLINE Batch<A, double> load_first(const double* p, int64_t count) {
#if defined(__AVX512F__)
  if (count == 1) return _mm512_zextpd128_pd512(_mm_load_sd(p));
  if (count == 4) return _mm512_zextpd256_pd512(_mm256_loadu_pd(p));
  return _mm512_maskz_loadu_pd(static_cast<__mmask8>(first_lanes(count)), p);
#elif defined(__AVX2__)
  if (count == 1) return _mm256_zextpd128_pd256(_mm_load_sd(p));
  return _mm256_maskload_pd(p, first_lanes(count, double{}));
#else
  (void)count;
  return _mm_load_sd(p);
#endif
}
template <class A>
UNSPOOL_INLINE void store_first(float* p, Batch<A, float> x, int64_t count) {
#if defined(__AVX512F__)
  if (count == 1) return _mm_store_ss(p, _mm512_castps512_ps128(x));
  if (count == 8) return _mm256_storeu_ps(p, _mm512_castps512_ps256(x));
  _mm512_mask_storeu_ps(p, first_lanes(count), x);
#elif defined(__AVX2__)
  if (count == 1) return _mm_store_ss(p, _mm256_castps256_ps128(x));
  if (count == 4) return _mm_storeu_ps(p, _mm256_castps256_ps128(x));
  _mm256_maskstore_ps(p, first_lanes(count, float{}), x);
#else
  if (count == 1) return _mm_store_ss(p, x);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_castps_si128(x));
  if (count == 3) _mm_store_ss(p + 2, _mm_movehl_ps(x, x));
#endif
}
template <class A>
UNSPOOL_INLINE void store_first(double* p, Batch<A, double> x, int64_t count) {
#if defined(__AVX512F__)
  if (count == 1) return _mm_store_sd(p, _mm512_castpd512_pd128(x));
  if (count == 4) return _mm256_storeu_pd(p, _mm512_castpd512_pd256(x));
  _mm512_mask_storeu_pd(p, static_cast<__mmask8>(first_lanes(count)), x);
#elif defined(__AVX2__)
  if (count == 1) return _mm_store_sd(p, _mm256_castpd256_pd128(x));
  _mm256_maskstore_pd(p, first_lanes(count, double{}), x);
#else
  (void)count;
  _mm_store_sd(p, x);
#endif
}

/// x with every lane from `count` on set to zero.
template <class A>
UNSPOOL_INLINE Batch<A, float> keep_first(Batch<A, float> x, int64_t count) {
#if defined(__AVX512F__)
  return _mm512_maskz_mov_ps(first_lanes(count), x);
#elif defined(__AVX2__)
  return _mm256_and_ps(x, _mm256_castsi256_ps(first_lanes(count, float{})));
#else
  const __m128i lane = _mm_setr_epi32(0, 1, 2, 3);
  return _mm_and_ps(x, _mm_castsi128_ps(_mm_cmplt_epi32(lane, _mm_set1_epi32(static_cast<int>(count)))));
#endif
}
template <class A>
UNSPOOL_INLINE Batch<A, double> keep_first(Batch<A, double> x, int64_t count) {
#if defined(__AVX512F__)
  return _mm512_maskz_mov_pd(static_cast<__mmask8>(first_lanes(count)), x);
#elif defined(__AVX2__)
  return _mm256_and_pd(x, _mm256_castsi256_pd(first_lanes(count, double{})));
#else
  (void)count;
  return _mm_move_sd(_mm_setzero_pd(), x);
#endif
}

/// Sum of the lanes, in a fixed tree order: each half onto the other, down to one.
template <class A>
UNSPOOL_INLINE float sum_lanes(Batch<A, float> x) {
#if defined(__AVX512F__)
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
#elif defined(__AVX2__)
  const __m256 half = x;
#endif
#if defined(__AVX2__)
  const __m128 quarter = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
#else
  const __m128 quarter = x;
#endif
  const __m128 pair = _mm_add_ps(quarter, _mm_movehl_ps(quarter, quarter));
  return _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps(pair, pair, 1)));
}
template <class A>
UNSPOOL_INLINE double sum_lanes(Batch<A, double> x) {
#if defined(__AVX512F__)
  const __m256d half = _mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd(x, 1));
#elif defined(__AVX2__)
  const __m256d half = x;
#endif
#if defined(__AVX2__)
  const __m128d pair = _mm_add_pd(_mm256_castpd256_pd128(half), _mm256_extractf128_pd(half, 1));
#else
  const __m128d pair = x;
#endif
  return _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)));
}

/// a / b to within one ulp for a normal b below 2^126. On AVX-512 a float division holds its unit for 16 cycles; a
/// 14-bit reciprocal and one residual step, which squares its error to 2^-28, take a quarter of that.
template <class A>
UNSPOOL_INLINE Batch<A, float> fast_div(Batch<A, float> a, Batch<A, float> b) {
#if defined(__AVX512F__)
  const Batch<A, float> inverse = _mm512_rcp14_ps(b);
  const Batch<A, float> q = a * inverse;
  return madd<A>(nmadd<A>(q, b, a), inverse, q);
#else
  return a / b;
#endif
}
template <class A>
UNSPOOL_INLINE Batch<A, double> fast_div(Batch<A, double> a, Batch<A, double> b) {
  return a / b;
}

/// Applies f(offset, access) over n elements: whole vectors, then one partial vector. The functor loads and stores
/// through `access`, so that a tail takes the same arithmetic as the body; access.keep() zeroes the lanes beyond n.
template <class A, class T>
struct Whole {
  static UNSPOOL_INLINE Batch<A, T> load(const T* p) { return UNSPOOL_SIMD::load_all<A>(p); }
  static UNSPOOL_INLINE void store(T* p, Batch<A, T> x) { UNSPOOL_SIMD::store_all<A>(p, x); }
  static UNSPOOL_INLINE Batch<A, T> keep(Batch<A, T> x) { return x; }
};
template <class A, class T>
struct First {
  int64_t count;
  UNSPOOL_INLINE Batch<A, T> load(const T* p) const { return load_first<A>(p, count); }
  UNSPOOL_INLINE void store(T* p, Batch<A, T> x) const { store_first<A>(p, x, count); }
  UNSPOOL_INLINE Batch<A, T> keep(Batch<A, T> x) const { return keep_first<A>(x, count); }
};

template <class A, class T, class F>
UNSPOOL_INLINE void for_each(int64_t n, F f) {
  constexpr int64_t L = lanes<A, T>;
  int64_t i = 0;
  for (; i + L <= n; i += L) f(i, Whole<A, T>{});
  if (i < n) f(i, First<A, T>{n - i});
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
