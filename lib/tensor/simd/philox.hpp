// The words of PhiloxLanes (base/philox_lanes.hpp) in registers. Compilers multiply 32 by 32 bits as 64 by 64, which costs
// three times as much.
#pragma once

#include "base/philox_lanes.hpp"
#include "tensor/simd/batch.hpp"

namespace unspool::kernels::simd::UNSPOOL_SIMD {

#if defined(__AVX512F__)
using Words = __m512i;
UNSPOOL_INLINE Words load_words(const std::uint32_t* p) { return _mm512_loadu_si512(p); }
UNSPOOL_INLINE void store_words(std::uint32_t* p, Words x) { _mm512_storeu_si512(p, x); }
UNSPOOL_INLINE Words all_words(std::uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }
UNSPOOL_INLINE Words multiply_even(Words a, Words b) { return _mm512_mul_epu32(a, b); }
UNSPOOL_INLINE Words down(Words x) { return _mm512_srli_epi64(x, 32); }
UNSPOOL_INLINE Words up(Words x) { return _mm512_slli_epi64(x, 32); }
UNSPOOL_INLINE Words even_odd(Words even, Words odd) { return _mm512_mask_blend_epi32(0xaaaa, even, odd); }
UNSPOOL_INLINE Words exclusive_or(Words a, Words b, Words c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
#elif defined(__AVX2__)
using Words = __m256i;
UNSPOOL_INLINE Words load_words(const std::uint32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
UNSPOOL_INLINE void store_words(std::uint32_t* p, Words x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
UNSPOOL_INLINE Words all_words(std::uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }
UNSPOOL_INLINE Words multiply_even(Words a, Words b) { return _mm256_mul_epu32(a, b); }
UNSPOOL_INLINE Words down(Words x) { return _mm256_srli_epi64(x, 32); }
UNSPOOL_INLINE Words up(Words x) { return _mm256_slli_epi64(x, 32); }
UNSPOOL_INLINE Words even_odd(Words even, Words odd) { return _mm256_blend_epi32(even, odd, 0xaa); }
UNSPOOL_INLINE Words exclusive_or(Words a, Words b, Words c) { return _mm256_xor_si256(_mm256_xor_si256(a, b), c); }
#else
using Words = __m128i;
UNSPOOL_INLINE Words load_words(const std::uint32_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
UNSPOOL_INLINE void store_words(std::uint32_t* p, Words x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), x); }
UNSPOOL_INLINE Words all_words(std::uint32_t x) { return _mm_set1_epi32(static_cast<int>(x)); }
UNSPOOL_INLINE Words multiply_even(Words a, Words b) { return _mm_mul_epu32(a, b); }
UNSPOOL_INLINE Words down(Words x) { return _mm_srli_epi64(x, 32); }
UNSPOOL_INLINE Words up(Words x) { return _mm_slli_epi64(x, 32); }
UNSPOOL_INLINE Words even_odd(Words even, Words odd) {
  const __m128i odds = _mm_setr_epi32(0, -1, 0, -1);
  return _mm_or_si128(_mm_andnot_si128(odds, even), _mm_and_si128(odds, odd));
}
UNSPOOL_INLINE Words exclusive_or(Words a, Words b, Words c) { return _mm_xor_si128(_mm_xor_si128(a, b), c); }
#endif

/// What PhiloxLanes holds.
UNSPOOL_INLINE void philox_words(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, std::uint32_t* words) {
  constexpr int lanes = unspool::detail::PhiloxLanes::lanes, each = static_cast<int>(sizeof(Words) / 4);
  std::uint32_t low[lanes], high[lanes];
  for (int i = 0; i < lanes; ++i) {
    low[i] = static_cast<std::uint32_t>(first + static_cast<std::uint64_t>(i));
    high[i] = static_cast<std::uint32_t>((first + static_cast<std::uint64_t>(i)) >> 32);
  }
  const Words m0 = all_words(0xD2511F53u), m1 = all_words(0xCD9E8D57u);
  for (int i = 0; i < lanes; i += each) {
    Words w0 = load_words(low + i), w1 = load_words(high + i);
    Words w2 = all_words(static_cast<std::uint32_t>(stream)), w3 = all_words(static_cast<std::uint32_t>(stream >> 32));
    std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
      const Words even0 = multiply_even(w0, m0), odd0 = multiply_even(down(w0), m0);
      const Words even1 = multiply_even(w2, m1), odd1 = multiply_even(down(w2), m1);
      w0 = exclusive_or(even_odd(down(even1), odd1), w1, all_words(k0));
      w1 = even_odd(even1, up(odd1));
      w2 = exclusive_or(even_odd(down(even0), odd0), w3, all_words(k1));
      w3 = even_odd(even0, up(odd0));
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    store_words(words + i, w0);
    store_words(words + lanes + i, w1);
    store_words(words + 2 * lanes + i, w2);
    store_words(words + 3 * lanes + i, w3);
  }
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
