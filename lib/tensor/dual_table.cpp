// Kernels of duals whose values go through the vectorised kernels of doubles, a block at a time; the tangents follow from
// the values. What is not here is the reference's loop.
#include <algorithm>

#include "tensor/reference.hpp"
#include "unspool/maths.hpp"

namespace unspool::kernels {
namespace {

using std::int64_t;
using D = Dual<double>;
using Reals = KernelTable<double>;

constexpr int64_t block = 256;

// y = f(x), where f has a kernel and f' follows from f's value.
template <Reals::Unary Reals::*kernel, auto slope>
void unary(int64_t n, const D* x, D* y) {
  double values[block];
  for (int64_t at = 0; at < n; at += block) {
    const int64_t count = std::min(block, n - at);
    for (int64_t i = 0; i < count; ++i) values[i] = x[at + i].value;
    (kernel_table<double>().*kernel)(count, values, values);
    for (int64_t i = 0; i < count; ++i) y[at + i] = maths::chained(values[i], slope(values[i]), x[at + i].tangent);
  }
}

constexpr auto exp = unary<&Reals::exp, [](double y) { return y; }>;
constexpr auto tanh = unary<&Reals::tanh, [](double y) { return (1 - y) * (1 + y); }>;
constexpr auto sigmoid = unary<&Reals::sigmoid, [](double y) { return y * (1 - y); }>;

void lstm_forward(int64_t B, int64_t H, D* gates, const D* bias, const D* c_prev, D* c, D* h) {
  for (int64_t b = 0; b < B; ++b, gates += 4 * H, c_prev += H, c += H, h += H) {
    for (int64_t j = 0; j < 4 * H; ++j) gates[j] += bias[j];
    sigmoid(2 * H, gates, gates);
    tanh(H, gates + 2 * H, gates + 2 * H);
    sigmoid(H, gates + 3 * H, gates + 3 * H);
    for (int64_t j = 0; j < H; ++j) c[j] = gates[H + j] * c_prev[j] + gates[j] * gates[2 * H + j];
    tanh(H, c, h);
    for (int64_t j = 0; j < H; ++j) h[j] *= gates[3 * H + j];
  }
}

void gru_forward(int64_t B, int64_t H, const D* xg, const D* hg, const D* bias, const D* h_prev, D* gates, D* hn,
                 D* h) {
  for (int64_t b = 0; b < B; ++b, xg += 3 * H, hg += 3 * H, h_prev += H, gates += 3 * H, hn += H, h += H) {
    for (int64_t j = 0; j < 2 * H; ++j) gates[j] = xg[j] + (hg[j] + bias[j]);
    sigmoid(2 * H, gates, gates);
    for (int64_t j = 0; j < H; ++j) {
      hn[j] = hg[2 * H + j] + bias[2 * H + j];
      gates[2 * H + j] = xg[2 * H + j] + gates[j] * hn[j];
    }
    tanh(H, gates + 2 * H, gates + 2 * H);
    for (int64_t j = 0; j < H; ++j) h[j] = (1 - gates[H + j]) * gates[2 * H + j] + gates[H + j] * h_prev[j];
  }
}

}  // namespace

const KernelTable<D>& dual_table() {
  static const KernelTable<D> table = [] {
    KernelTable<D> t = reference_table<D>();
    t.exp = exp;
    t.tanh = tanh;
    t.sigmoid = sigmoid;
    t.lstm_forward = lstm_forward;
    t.gru_forward = gru_forward;
    return t;
  }();
  return table;
}

}  // namespace unspool::kernels
