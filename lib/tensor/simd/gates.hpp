// The fused cells. One pass over the gates of a step: everything a cell computes outside its matrix products.
#pragma once

#include "tensor/simd/elementwise.hpp"

namespace unspool::kernels::simd::UNSPOOL_SIMD {

/// Asks for one vector of each of the next row's `blocks` gates, to be read or written. A row of gates is often a page
/// of its own, where the hardware prefetcher begins anew.
template <int blocks, bool to_write, class T>
UNSPOOL_INLINE void prefetch_blocks(const T* next, int64_t H) {
#pragma GCC unroll 4
  for (int k = 0; k < blocks; ++k) __builtin_prefetch(next + k * H, to_write, 3);
}

// c' = f c + i g, h = o tanh(c'); gates in the order i, f, g, o.
template <class A, class T>
void lstm_forward(int64_t B, int64_t H, T* gates, const T* bias, const T* c_prev, T* c, T* h) {
  for (int64_t b = 0; b < B; ++b, gates += 4 * H, c_prev += H, c += H, h += H)
    for_each<A, T>(
        H, [=](int64_t j, auto at) __attribute__((always_inline)) {
          const Batch<A, T> i = vsigmoid<A, T>(at.load(gates + j) + at.load(bias + j));
          const Batch<A, T> f = vsigmoid<A, T>(at.load(gates + H + j) + at.load(bias + H + j));
          const Batch<A, T> g = vtanh<A, T>(at.load(gates + 2 * H + j) + at.load(bias + 2 * H + j));
          const Batch<A, T> o = vsigmoid<A, T>(at.load(gates + 3 * H + j) + at.load(bias + 3 * H + j));
          const Batch<A, T> state = f * at.load(c_prev + j) + i * g;
          at.store(gates + j, i);
          at.store(gates + H + j, f);
          at.store(gates + 2 * H + j, g);
          at.store(gates + 3 * H + j, o);
          at.store(c + j, state);
          at.store(h + j, o * vtanh<A, T>(state));
        });
}

template <class A, class T>
void lstm_backward(int64_t B, int64_t H, const T* gates, const T* c_prev, const T* c, const T* dh, const T* dc,
                   T* dgates, T* dc_prev, bool accumulate) {
  const Batch<A, T> one(T(1)), zero(T(0));
  for (int64_t b = 0; b < B; ++b) {
    const T* const gate = gates + b * 4 * H;
    T* const dgate = dgates + b * 4 * H;
    const int64_t row = b * H;
    for_each<A, T>(
        H, [=](int64_t j, auto at) __attribute__((always_inline)) {
          prefetch_blocks<4, false>(gate + 4 * H + j, H);
          prefetch_blocks<4, true>(dgate + 4 * H + j, H);
          const Batch<A, T> i = at.load(gate + j), f = at.load(gate + H + j);
          const Batch<A, T> g = at.load(gate + 2 * H + j), o = at.load(gate + 3 * H + j);
          // Recomputing tanh(c) costs less than keeping it: one array fewer per step in memory and in cache.
          const Batch<A, T> tanh_c = vtanh<A, T>(at.load(c + row + j)), previous = at.load(c_prev + row + j);
          const Batch<A, T> dh_j = dh ? at.load(dh + row + j) : zero;
          const Batch<A, T> dc_j = (dc ? at.load(dc + row + j) : zero) + dh_j * o * (one - tanh_c * tanh_c);
          at.store(dgate + j, dc_j * g * i * (one - i));
          at.store(dgate + H + j, dc_j * previous * f * (one - f));
          at.store(dgate + 2 * H + j, dc_j * i * (one - g * g));
          at.store(dgate + 3 * H + j, dh_j * tanh_c * o * (one - o));
          if (!dc_prev) return;
          T* const out = dc_prev + row + j;
          at.store(out, accumulate ? at.load(out) + dc_j * f : dc_j * f);
        });
  }
}

// n = tanh(xn + r hn), h = (1 - z) n + z h_prev; gates in the order r, z, n, both biases already added.
template <class A, class T>
void gru_forward(int64_t B, int64_t H, const T* xg, const T* hg, const T* bias, const T* h_prev, T* gates, T* hn_out,
                 T* h) {
  const Batch<A, T> one(T(1));
  for (int64_t b = 0; b < B; ++b, xg += 3 * H, hg += 3 * H, h_prev += H, gates += 3 * H, hn_out += H, h += H)
    for_each<A, T>(
        H, [=](int64_t j, auto at) __attribute__((always_inline)) {
          const Batch<A, T> r = vsigmoid<A, T>(at.load(xg + j) + (at.load(hg + j) + at.load(bias + j)));
          const Batch<A, T> z = vsigmoid<A, T>(at.load(xg + H + j) + (at.load(hg + H + j) + at.load(bias + H + j)));
          const Batch<A, T> hn = at.load(hg + 2 * H + j) + at.load(bias + 2 * H + j);
          const Batch<A, T> n = vtanh<A, T>(at.load(xg + 2 * H + j) + r * hn);
          at.store(gates + j, r);
          at.store(gates + H + j, z);
          at.store(gates + 2 * H + j, n);
          at.store(hn_out + j, hn);
          at.store(h + j, (one - z) * n + z * at.load(h_prev + j));
        });
}

template <class A, class T>
void gru_backward(int64_t B, int64_t H, const T* gates, const T* hn_kept, const T* h_prev, const T* dh, T* dxg, T* dhg,
                  T* dh_prev) {
  const Batch<A, T> one(T(1));
  for (int64_t b = 0; b < B; ++b, gates += 3 * H, dxg += 3 * H, dhg += 3 * H) {
    const int64_t row = b * H;
    for_each<A, T>(
        H, [=](int64_t j, auto at) __attribute__((always_inline)) {
          prefetch_blocks<3, false>(gates + 3 * H + j, H);
          prefetch_blocks<3, true>(dxg + 3 * H + j, H);
          const Batch<A, T> r = at.load(gates + j), z = at.load(gates + H + j);
          const Batch<A, T> n = at.load(gates + 2 * H + j), hn = at.load(hn_kept + row + j);
          const Batch<A, T> dh_j = at.load(dh + row + j);
          const Batch<A, T> dn = dh_j * (one - z) * (one - n * n);
          const Batch<A, T> dz = dh_j * (at.load(h_prev + row + j) - n) * z * (one - z);
          const Batch<A, T> dr = dn * hn * r * (one - r);
          at.store(dxg + j, dr);
          at.store(dxg + H + j, dz);
          at.store(dxg + 2 * H + j, dn);
          at.store(dhg + j, dr);
          at.store(dhg + H + j, dz);
          at.store(dhg + 2 * H + j, dn * r);
          if (dh_prev) at.store(dh_prev + row + j, at.load(dh_prev + row + j) + dh_j * z);
        });
  }
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
