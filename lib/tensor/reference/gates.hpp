// The gates of LSTM and GRU cells.
#pragma once

#include "tensor/kernels.hpp"
#include "tensor/reference/put.hpp"
#include "unspool/maths.hpp"

namespace unspool::kernels::reference {

template <class T>
void lstm_forward(int64_t B, int64_t H, T* gates, const T* bias, const T* c_prev, T* c, T* h) {
  for (int64_t b = 0; b < B; ++b, gates += 4 * H, c_prev += H, c += H, h += H)
    for (int64_t j = 0; j < H; ++j) {
      const T i = gates[j] = maths::sigmoid(gates[j] + bias[j]);
      const T f = gates[H + j] = maths::sigmoid(gates[H + j] + bias[H + j]);
      const T g = gates[2 * H + j] = maths::tanh(gates[2 * H + j] + bias[2 * H + j]);
      const T o = gates[3 * H + j] = maths::sigmoid(gates[3 * H + j] + bias[3 * H + j]);
      c[j] = f * c_prev[j] + i * g;
      h[j] = o * maths::tanh(c[j]);
    }
}

template <class T>
void lstm_backward(int64_t B, int64_t H, const T* gates, const T* c_prev, const T* c, const T* dh, const T* dc,
                   T* dgates, T* dc_prev, bool accumulate) {
  for (int64_t b = 0; b < B; ++b)
    for (int64_t j = 0; j < H; ++j) {
      const T* gate = gates + b * 4 * H + j;
      T* dgate = dgates + b * 4 * H + j;
      const int64_t at = b * H + j;
      const T i = gate[0], f = gate[H], g = gate[2 * H], o = gate[3 * H];
      const T tanh_c = maths::tanh(c[at]), dh_j = dh ? dh[at] : T(0);
      const T dc_j = (dc ? dc[at] : T(0)) + dh_j * o * (1 - tanh_c * tanh_c);
      const T previous = c_prev[at];
      dgate[0] = dc_j * g * i * (1 - i);
      dgate[H] = dc_j * previous * f * (1 - f);
      dgate[2 * H] = dc_j * i * (1 - g * g);
      dgate[3 * H] = dh_j * tanh_c * o * (1 - o);
      if (dc_prev) put(dc_prev[at], dc_j * f, accumulate);
    }
}

template <class T>
void gru_forward(int64_t B, int64_t H, const T* xg, const T* hg, const T* bias, const T* h_prev, T* gates, T* hn_out,
                 T* h) {
  for (int64_t b = 0; b < B; ++b, xg += 3 * H, hg += 3 * H, h_prev += H, gates += 3 * H, hn_out += H, h += H)
    for (int64_t j = 0; j < H; ++j) {
      const T r = gates[j] = maths::sigmoid(xg[j] + (hg[j] + bias[j]));
      const T z = gates[H + j] = maths::sigmoid(xg[H + j] + (hg[H + j] + bias[H + j]));
      const T hn = hg[2 * H + j] + bias[2 * H + j];
      const T n = gates[2 * H + j] = maths::tanh(xg[2 * H + j] + r * hn);
      hn_out[j] = hn;
      h[j] = (1 - z) * n + z * h_prev[j];
    }
}

template <class T>
void gru_backward(int64_t B, int64_t H, const T* gates, const T* hn_kept, const T* h_prev, const T* dh, T* dxg, T* dhg,
                  T* dh_prev) {
  for (int64_t b = 0; b < B; ++b)
    for (int64_t j = 0; j < H; ++j) {
      const int64_t at = b * H + j, gate = b * 3 * H + j;
      const T r = gates[gate], z = gates[gate + H], n = gates[gate + 2 * H], hn = hn_kept[at], dh_j = dh[at];
      const T dn = dh_j * (1 - z) * (1 - n * n);
      const T dz = dh_j * (h_prev[at] - n) * z * (1 - z);
      const T dr = dn * hn * r * (1 - r);
      dxg[gate] = dhg[gate] = dr;
      dxg[gate + H] = dhg[gate + H] = dz;
      dxg[gate + 2 * H] = dn;
      dhg[gate + 2 * H] = dn * r;
      if (dh_prev) dh_prev[at] += dh_j * z;
    }
}

template <class T>
void gates(KernelTable<T>& t) {
  t.lstm_forward = lstm_forward<T>;
  t.lstm_backward = lstm_backward<T>;
  t.gru_forward = gru_forward<T>;
  t.gru_backward = gru_backward<T>;
}

}  // namespace unspool::kernels::reference
