#include "tensor/reference.hpp"

#include <cmath>
#include <limits>

#include "unspool/maths.hpp"

namespace unspool::kernels {
namespace {

template <class T>
void put(T& destination, T value, bool accumulate) {
  destination = accumulate ? destination + value : value;
}

// A factor that is the same for all elements, often a constant: that must not make NaN of an infinite x.
template <RealScalar T>
T scaled(T a, T x) {
  return a * x;
}
template <class T>
Dual<T> scaled(const Dual<T>& a, const Dual<T>& x) {
  return a.tangent == 0 ? a.value * x : a * x;
}

template <class T, auto f>
void unary(int64_t n, const T* x, T* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
}

template <class T, auto f>
void binary(int64_t n, const T* a, const T* b, T* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = f(a[i], b[i]);
}

template <class T, auto f>
void unary_grad(int64_t n, const T* dy, const T* kept, T* dx, bool accumulate) {
  for (int64_t i = 0; i < n; ++i) put(dx[i], f(dy[i], kept[i]), accumulate);
}

template <class T>
void rows(KernelTable<T>& t) {
  t.add_rows = [](int64_t rows, int64_t cols, const T* x, const T* b, T* y) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) y[r * cols + c] = x[r * cols + c] + b[c];
  };
  t.mul_rows = [](int64_t rows, int64_t cols, const T* x, const T* b, T* y) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) y[r * cols + c] = x[r * cols + c] * b[c];
  };
  t.scale_rows = [](int64_t rows, int64_t cols, const T* x, const T* a, T* y, bool accumulate) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) put(y[r * cols + c], x[r * cols + c] * a[r], accumulate);
  };
  t.column_sums = [](int64_t rows, int64_t cols, const T* x, int64_t ldx, T* dst, bool accumulate) {
    for (int64_t c = 0; c < cols; ++c) {
      T sum = accumulate ? dst[c] : T(0);
      for (int64_t r = 0; r < rows; ++r) sum += x[r * ldx + c];
      dst[c] = sum;
    }
  };
}

template <class T>
T max_of(int64_t n, const T* x) {
  T result = -std::numeric_limits<T>::infinity();
  for (int64_t i = 0; i < n; ++i)
    if (x[i] > result || maths::isnan(x[i])) result = x[i];
  return result;
}

template <class T>
T logsumexp(int64_t n, const T* x) {
  const T max = max_of(n, x);
  if (maths::isinf(max)) return max;
  T sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += maths::exp(x[i] - max);
  return max + maths::log(sum);
}

template <class T>
void reductions(KernelTable<T>& t) {
  t.sum = [](int64_t n, const T* x) {
    Wide<T> sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += x[i];
    return T(sum);
  };
  t.dot = [](int64_t n, const T* a, const T* b) {
    Wide<T> sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += Wide<T>(a[i]) * b[i];
    return T(sum);
  };
  t.sum_squares = [](int64_t n, const T* x) {
    Wide<T> sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += Wide<T>(x[i]) * x[i];
    return T(sum);
  };
  t.max = max_of<T>;
  t.any_nonfinite = [](int64_t n, const T* x) {
    for (int64_t i = 0; i < n; ++i)
      if (!maths::isfinite(x[i])) return true;
    return false;
  };
}

template <class T>
void softmax(KernelTable<T>& t) {
  t.softmax = [](int64_t rows, int64_t cols, const T* x, T* y) {
    for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
      const T max = max_of(cols, x);
      T sum = 0;
      for (int64_t c = 0; c < cols; ++c) sum += y[c] = maths::exp(x[c] - max);
      for (int64_t c = 0; c < cols; ++c) y[c] /= sum;
    }
  };
  t.log_softmax = [](int64_t rows, int64_t cols, const T* x, T* y) {
    for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
      const T max = max_of(cols, x);
      T sum = 0;
      for (int64_t c = 0; c < cols; ++c) sum += maths::exp(x[c] - max);
      const T log_sum = maths::log(sum);
      for (int64_t c = 0; c < cols; ++c) y[c] = (x[c] - max) - log_sum;
    }
  };
  t.softmax_grad = [](int64_t rows, int64_t cols, const T* dy, const T* y, T* dx, bool accumulate) {
    for (int64_t r = 0; r < rows; ++r, dy += cols, y += cols, dx += cols) {
      T dot = 0;
      for (int64_t c = 0; c < cols; ++c) dot += dy[c] * y[c];
      for (int64_t c = 0; c < cols; ++c) put(dx[c], y[c] * (dy[c] - dot), accumulate);
    }
  };
  t.log_softmax_grad = [](int64_t rows, int64_t cols, const T* dy, const T* y, T* dx, bool accumulate) {
    for (int64_t r = 0; r < rows; ++r, dy += cols, y += cols, dx += cols) {
      T sum = 0;
      for (int64_t c = 0; c < cols; ++c) sum += dy[c];
      for (int64_t c = 0; c < cols; ++c) put(dx[c], dy[c] - maths::exp(y[c]) * sum, accumulate);
    }
  };
  t.row_max = [](int64_t rows, int64_t cols, const T* x, T* max) {
    for (int64_t r = 0; r < rows; ++r) max[r] = max_of(cols, x + r * cols);
  };
  t.row_logsumexp = [](int64_t rows, int64_t cols, const T* x, T* lse) {
    for (int64_t r = 0; r < rows; ++r) lse[r] = logsumexp(cols, x + r * cols);
  };
  t.row_exp_shifted = [](int64_t rows, int64_t cols, const T* x, const T* shift, T* p) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) p[r * cols + c] = maths::exp(x[r * cols + c] - shift[r]);
  };
}

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
void sgd(int64_t n, const SgdArgs& args, const T* grad, T* param, T* buffer) {
  const T lr(args.lr), momentum(args.momentum), keep(1 - args.dampening), decay(args.weight_decay);
  for (int64_t i = 0; i < n; ++i) {
    T d = grad[i];
    if (args.weight_decay != 0) d = d + decay * param[i];
    if (args.momentum != 0) {
      buffer[i] = args.first_step ? d : buffer[i] * momentum + keep * d;
      d = args.nesterov ? d + momentum * buffer[i] : buffer[i];
    }
    param[i] += -lr * d;
  }
}

template <class T>
void adam(int64_t n, const AdamArgs& args, const T* grad, T* param, T* exp_avg, T* exp_avg_sq) {
  const double step = static_cast<double>(args.step);
  const T step_size(args.lr / (1 - std::pow(args.beta1, step)));
  const T correction(std::sqrt(1 - std::pow(args.beta2, step)));
  const T beta1(args.beta1), beta2(args.beta2), rest1(1 - args.beta1), rest2(1 - args.beta2), eps(args.eps);
  for (int64_t i = 0; i < n; ++i) {
    T g = grad[i];
    if (args.decoupled)
      param[i] *= T(1 - args.lr * args.weight_decay);
    else if (args.weight_decay != 0)
      g = g + T(args.weight_decay) * param[i];
    exp_avg[i] = exp_avg[i] * beta1 + rest1 * g;
    exp_avg_sq[i] = exp_avg_sq[i] * beta2 + rest2 * g * g;
    param[i] += -step_size * exp_avg[i] / (std::sqrt(exp_avg_sq[i]) / correction + eps);
  }
}

template <class T>
void rmsprop(int64_t n, const RmspropArgs& args, const T* grad, T* param, T* square_avg, T* grad_avg, T* buffer) {
  const T lr(args.lr), alpha(args.alpha), rest(1 - args.alpha), eps(args.eps), momentum(args.momentum);
  for (int64_t i = 0; i < n; ++i) {
    T g = grad[i];
    if (args.weight_decay != 0) g = g + T(args.weight_decay) * param[i];
    square_avg[i] = square_avg[i] * alpha + rest * g * g;
    T variance = square_avg[i];
    if (args.centered) {
      grad_avg[i] = grad_avg[i] * alpha + rest * g;
      variance = variance - grad_avg[i] * grad_avg[i];
    }
    const T average = std::sqrt(variance) + eps;
    if (args.momentum > 0) {
      buffer[i] = buffer[i] * momentum + g / average;
      param[i] += -lr * buffer[i];
    } else {
      param[i] += -lr * g / average;
    }
  }
}

template <class T>
void adagrad(int64_t n, const AdagradArgs& args, const T* grad, T* param, T* state_sum) {
  const T rate(args.lr / (1 + static_cast<double>(args.step - 1) * args.lr_decay)), eps(args.eps);
  for (int64_t i = 0; i < n; ++i) {
    T g = grad[i];
    if (args.weight_decay != 0) g = g + T(args.weight_decay) * param[i];
    state_sum[i] += g * g;
    param[i] += -rate * g / (std::sqrt(state_sum[i]) + eps);
  }
}

constexpr int tile_columns = 8;

template <class T, int rows>
void gemm_tile(int64_t k, const T* a, const T* b, int64_t row_stride, int64_t, T* c, int64_t ldc, int64_t columns,
               const T* from, int64_t ld_from, const T*, int64_t) {
  T sum[rows][tile_columns] = {};
  for (int64_t p = 0; p < k; ++p)
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < tile_columns; ++j) sum[i][j] += a[p * rows + i] * b[p * row_stride + j];
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) c[i * ldc + j] = from == nullptr ? sum[i][j] : from[i * ld_from + j] + sum[i][j];
}

template <class T>
void gemm_parts(GemmKernels<T>& gemm) {
  gemm.lanes = tile_columns;
  gemm.panel_vectors = 1;
  gemm.max_rows = 2;
  gemm.strip_vectors[1] = gemm.strip_vectors[2] = 1;
  gemm.tile[1][1] = gemm_tile<T, 1>;
  gemm.tile[2][1] = gemm_tile<T, 2>;
  gemm.pack_a = [](bool transposed, int64_t rows, int64_t k, const T* a, int64_t lda, T* packed) {
    for (int64_t p = 0; p < k; ++p)
      for (int64_t i = 0; i < rows; ++i) packed[p * rows + i] = transposed ? a[p * lda + i] : a[i * lda + p];
  };
  gemm.pack_b = [](bool transposed, int64_t k, int64_t columns, const T* b, int64_t ldb, T* packed) {
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j < tile_columns; ++j)
        packed[p * tile_columns + j] = j >= columns ? T(0) : transposed ? b[j * ldb + p] : b[p * ldb + j];
  };
}

template <class T>
void elementwise(KernelTable<T>& t) {
  t.exp = unary<T, [](T x) { return maths::exp(x); }>;
  t.expm1 = unary<T, [](T x) { return maths::expm1(x); }>;
  t.log = unary<T, [](T x) { return maths::log(x); }>;
  t.log1p = unary<T, [](T x) { return maths::log1p(x); }>;
  t.tanh = unary<T, [](T x) { return maths::tanh(x); }>;
  t.sigmoid = unary<T, [](T x) { return maths::sigmoid(x); }>;
  t.softplus = unary<T, [](T x) { return maths::softplus(x); }>;
  t.relu = unary<T, [](T x) { return 0 < x ? x : x < 0 ? T(0) : maths::constant(x); }>;
  t.square = unary<T, [](T x) { return x * x; }>;
  t.sqrt = unary<T, [](T x) { return maths::sqrt(x); }>;
  t.abs = unary<T, [](T x) { return maths::abs(x); }>;
  t.neg = unary<T, [](T x) { return -x; }>;
  t.reciprocal = unary<T, [](T x) { return 1 / x; }>;
  t.add = binary<T, [](T a, T b) { return a + b; }>;
  t.sub = binary<T, [](T a, T b) { return a - b; }>;
  t.mul = binary<T, [](T a, T b) { return a * b; }>;
  t.div = binary<T, [](T a, T b) { return a / b; }>;
  t.maximum = binary<T, [](T a, T b) { return b < a || maths::isnan(a) ? a : b; }>;
  t.minimum = binary<T, [](T a, T b) { return a < b || maths::isnan(a) ? a : b; }>;
  t.axpb = [](int64_t n, T a, const T* x, T b, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] = scaled(a, x[i]) + b;
  };
  t.axpy = [](int64_t n, T a, const T* x, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] += scaled(a, x[i]);
  };
  t.fill = [](int64_t n, T value, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] = value;
  };
  t.muladd = [](int64_t n, const T* a, const T* b, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] += a[i] * b[i];
  };
  t.lerp = [](int64_t n, const T* w, const T* a, const T* b, T* y) {
    for (int64_t i = 0; i < n; ++i) y[i] = w[i] * a[i] + (1 - w[i]) * b[i];
  };
  t.tanh_grad = unary_grad<T, [](T dy, T y) { return dy * (1 - y * y); }>;
  t.sigmoid_grad = unary_grad<T, [](T dy, T y) { return dy * y * (1 - y); }>;
  t.relu_grad = unary_grad<T, [](T dy, T kept) { return 0 < kept ? dy : T(0); }>;
  t.exp_grad = unary_grad<T, [](T dy, T y) { return dy * y; }>;
  t.mul_grad = t.exp_grad;
  t.log_grad = unary_grad<T, [](T dy, T x) { return dy / x; }>;
  t.sqrt_grad = unary_grad<T, [](T dy, T y) { return dy / (2 * y); }>;
  t.square_grad = unary_grad<T, [](T dy, T x) { return 2 * dy * x; }>;
  t.abs_grad = unary_grad<T, [](T dy, T x) { return 0 < x ? dy : x < 0 ? -dy : T(0); }>;
  t.softplus_grad = unary_grad<T, [](T dy, T x) { return dy * maths::sigmoid(x); }>;
  t.scale_grad = [](int64_t n, const T* dy, T a, T* dx, bool accumulate) {
    for (int64_t i = 0; i < n; ++i) put(dx[i], scaled(a, dy[i]), accumulate);
  };
  t.copy_grad = [](int64_t n, const T* dy, T* dx, bool accumulate) {
    for (int64_t i = 0; i < n; ++i) put(dx[i], dy[i], accumulate);
  };
}

template <class T>
KernelTable<T> make() {
  KernelTable<T> t{};
  elementwise(t);
  rows(t);
  reductions(t);
  softmax(t);
  t.lstm_forward = lstm_forward<T>;
  t.lstm_backward = lstm_backward<T>;
  t.gru_forward = gru_forward<T>;
  t.gru_backward = gru_backward<T>;
  if constexpr (RealScalar<T>) {  // nothing is trained in duals, and their products are made of real ones
    t.sgd = sgd<T>;
    t.adam = adam<T>;
    t.rmsprop = rmsprop<T>;
    t.adagrad = adagrad<T>;
    gemm_parts(t.gemm);
  }
  return t;
}

}  // namespace

template <class T>
const KernelTable<T>& reference_table() {
  static const KernelTable<T> table = make<T>();
  return table;
}

template const KernelTable<float>& reference_table();
template const KernelTable<double>& reference_table();
template const KernelTable<Dual<double>>& reference_table();

}  // namespace unspool::kernels
