// The kernel layer: raw pointers and sizes in, numbers out. Nothing here allocates, throws or keeps state; the only
// global is the table picked once for this machine.
//
// Conventions, for every entry of KernelTable:
//  - `n` counts elements; zero is allowed everywhere. Matrices are row-major and contiguous unless a leading
//    dimension is passed.
//  - `accumulate` true adds into the destination, false assigns (the old contents are not read).
//  - A destination may be exactly one of the sources (same address); it may not overlap one partially.
//  - Results depend on the input, n and the instruction set, never on alignment, and an element's value does not
//    depend on its position: elementwise entries give the same bits for one element alone as inside a long array.
#pragma once

#include <atomic>
#include <cstdint>

#include "unspool/scalar.hpp"

namespace unspool::kernels {

using std::int64_t;

/// Instruction sets the kernels are compiled for. `scalar` is plain C++, present everywhere, and what tests compare
/// with.
enum class Isa { scalar, sse2, avx2, avx512 };

/// SGD as torch.optim.SGD: momentum == 0 leaves the buffer untouched (it may be null).
struct SgdArgs {
  double lr = 0, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false;
  bool first_step = false;  // the momentum buffer is set to the gradient instead of being decayed
};

/// Adam and AdamW as torch.optim (no amsgrad). `step` counts from 1. `decoupled` is AdamW's weight decay.
struct AdamArgs {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  int64_t step = 1;
  bool decoupled = false;
};

/// RMSprop as torch.optim.RMSprop: grad_avg is used only if centered, buffer only if momentum > 0 (else null).
struct RmspropArgs {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false;
};

/// Adagrad as torch.optim.Adagrad. `step` counts from 1.
struct AdagradArgs {
  double lr = 1e-2, lr_decay = 0, weight_decay = 0, eps = 1e-10;
  int64_t step = 1;
};

/// Which elements a random mask hits: element i where word i of a Philox stream is below `threshold`, at most 2^32. Words
/// are counted from a block on, in the order of PhiloxLanes (base/philox_lanes.hpp).
struct MaskArgs {
  std::uint64_t seed, stream, first_block, threshold;
};

/// A register tile of the matrix product: C[rows, columns] = A B over k steps, plus what lies at `from` with rows ld_from
/// apart (C itself, say) unless that is null. `rows` and the number of column vectors are the entry's place in
/// GemmKernels::tile. Element (i, p) of A is a[p * rows + i]; vector j of row p of B is at
/// b + (j / panel_vectors) * panel_stride + p * row_stride + (j % panel_vectors) * lanes.
/// At step p the two cache lines at next + p * next_step are prefetched: what a later tile will read.
template <class T>
using GemmTile = void (*)(int64_t k, const T* a, const T* b, int64_t row_stride, int64_t panel_stride, T* c,
                          int64_t ldc, int64_t columns, const T* from, int64_t ld_from, const T* next,
                          int64_t next_step);

/// What gemm.cpp builds a product from. See gemm.hpp for the arithmetic every tile must follow.
template <class T>
struct GemmKernels {
  static constexpr int row_limit = 16, vector_limit = 16;
  int lanes = 0;                          // elements of one vector, a power of two
  int panel_vectors = 0;                  // a packed panel of B is lanes * panel_vectors columns wide
  int max_rows = 0;                       // tallest tile
  int strip_vectors[row_limit + 1] = {};  // widest tile for a given number of rows
  GemmTile<T> tile[row_limit + 1][vector_limit + 1] = {};
  /// One row of C over k steps in chains of that length, three whole ones and the rest, side by side; B as for a tile.
  void (*four_chains)(int64_t k, int64_t chain, const T* a, const T* b, int64_t row_stride, int64_t panel_stride, T* c,
                      int64_t columns, const T* from) = nullptr;
  /// packed[p * rows + i] = op(A)(i, p); `transposed` means A is stored [k, rows].
  void (*pack_a)(bool transposed, int64_t rows, int64_t k, const T* a, int64_t lda, T* packed) = nullptr;
  /// One panel: packed[p * width + j] = op(B)(p, j) for j < columns <= width, zero beyond; `transposed` means B is
  /// stored [columns, k]; width = lanes * panel_vectors.
  void (*pack_b)(bool transposed, int64_t k, int64_t columns, const T* b, int64_t ldb, T* packed) = nullptr;
};

template <class T>
struct KernelTable {
  Isa isa = Isa::scalar;

  // y = f(x). exp, log, tanh, sigmoid: at most 2 ulp (double) and 4 ulp (float); NaN and infinities as in <cmath>.
  using Unary = void (*)(int64_t n, const T* x, T* y);
  Unary exp, expm1, log, log1p, tanh, sigmoid, softplus, relu, square, sqrt, abs, neg, reciprocal;

  // y = a op b.
  using Binary = void (*)(int64_t n, const T* a, const T* b, T* y);
  Binary add, sub, mul, div, maximum, minimum;

  void (*axpb)(int64_t n, T a, const T* x, T b, T* y);  // y = a * x + b, two roundings
  void (*axpy)(int64_t n, T a, const T* x, T* y);       // y += a * x, two roundings
  void (*fill)(int64_t n, T value, T* y);
  void (*muladd)(int64_t n, const T* a, const T* b, T* y);                     // y += a * b, two roundings
  void (*lerp)(int64_t n, const T* w, const T* a, const T* b, T* y);           // y = w * a + (1 - w) * b
  void (*add_rows)(int64_t rows, int64_t cols, const T* x, const T* b, T* y);  // y[r, c] = x[r, c] + b[c]
  void (*mul_rows)(int64_t rows, int64_t cols, const T* x, const T* b, T* y);  // y[r, c] = x[r, c] * b[c]
  void (*scale_rows)(int64_t rows, int64_t cols, const T* x, const T* a, T* y, bool accumulate);  // x[r, c] * a[r]

  // dx (=|+=) dy * f'(x), from the value the forward pass kept.
  using UnaryGrad = void (*)(int64_t n, const T* dy, const T* kept, T* dx, bool accumulate);
  UnaryGrad tanh_grad;      // kept = y: dy * (1 - y^2)
  UnaryGrad sigmoid_grad;   // kept = y: dy * y * (1 - y)
  UnaryGrad relu_grad;      // kept = x or y: dy where kept > 0, else 0 (also where kept is NaN)
  UnaryGrad exp_grad;       // kept = y: dy * y
  UnaryGrad mul_grad;       // kept = the other factor: dy * other
  UnaryGrad log_grad;       // kept = x: dy / x
  UnaryGrad sqrt_grad;      // kept = y: dy / (2 y)
  UnaryGrad square_grad;    // kept = x: 2 dy x
  UnaryGrad abs_grad;       // kept = x: dy * sign(x), 0 at 0
  UnaryGrad softplus_grad;  // kept = x: dy * sigmoid(x)
  void (*scale_grad)(int64_t n, const T* dy, T a, T* dx, bool accumulate);  // dy * a
  void (*copy_grad)(int64_t n, const T* dy, T* dx, bool accumulate);        // dy

  /// y (=|+=) x * scale, 0 where the mask hits, whatever x is there.
  void (*dropout)(int64_t n, const MaskArgs& mask, T scale, const T* x, T* y, bool accumulate);

  // Reductions: the order is fixed by n and the instruction set. Sums of float collect block sums in double.
  T (*sum)(int64_t n, const T* x);
  T (*dot)(int64_t n, const T* a, const T* b);
  T (*sum_squares)(int64_t n, const T* x);
  T (*max)(int64_t n, const T* x);               // NaN if any element is; -infinity for n == 0
  bool (*any_nonfinite)(int64_t n, const T* x);  // whether any element is NaN or infinite
  /// dst[c] (=|+=) x[0, c] + x[1, c] + ...: one chain per column, in row order, started from dst when accumulating.
  void (*column_sums)(int64_t rows, int64_t cols, const T* x, int64_t ldx, T* dst, bool accumulate);

  // Rows of [rows, cols].
  void (*softmax)(int64_t rows, int64_t cols, const T* x, T* y);
  void (*log_softmax)(int64_t rows, int64_t cols, const T* x, T* y);
  void (*softmax_grad)(int64_t rows, int64_t cols, const T* dy, const T* y, T* dx, bool accumulate);
  void (*log_softmax_grad)(int64_t rows, int64_t cols, const T* dy, const T* y, T* dx, bool accumulate);
  void (*row_max)(int64_t rows, int64_t cols, const T* x, T* max);
  void (*row_logsumexp)(int64_t rows, int64_t cols, const T* x, T* lse);
  void (*row_exp_shifted)(int64_t rows, int64_t cols, const T* x, const T* shift, T* p);  // p = exp(x[r, c] - shift[r])

  // LSTM, gate order i, f, g, o: c' = f c + i g, h = o tanh(c').
  /// gates [B, 4H]: pre-activations without bias [4H] in, activated gates out. c may be c_prev.
  void (*lstm_forward)(int64_t B, int64_t H, T* gates, const T* bias, const T* c_prev, T* c, T* h);
  /// From activated gates; dh and dc (gradient reaching c from later steps) may be null, dc_prev too. dgates is
  /// assigned with the gradient of the pre-activations and may be `gates`; dc_prev (=|+=) and may be dc.
  void (*lstm_backward)(int64_t B, int64_t H, const T* gates, const T* c_prev, const T* c, const T* dh, const T* dc,
                        T* dgates, T* dc_prev, bool accumulate);

  // GRU, gate order r, z, n, from xg [B, 3H] and hg [B, 3H], to which bias [3H] is added: n = tanh(xn + r hn),
  // h = (1 - z) n + z h_prev.
  /// gates [B, 3H] receives r, z, n and may be xg; hn [B, H] receives hn.
  void (*gru_forward)(int64_t B, int64_t H, const T* xg, const T* hg, const T* bias, const T* h_prev, T* gates, T* hn,
                      T* h);
  /// dxg and dhg [B, 3H] are assigned; dh_prev (may be null) += dh z, the path that bypasses the products.
  void (*gru_backward)(int64_t B, int64_t H, const T* gates, const T* hn, const T* h_prev, const T* dh, T* dxg, T* dhg,
                       T* dh_prev);

  // Optimisers: one update of n parameters in place, PyTorch 1.13's formulas in its order of operations.
  void (*sgd)(int64_t n, const SgdArgs& args, const T* grad, T* param, T* buffer);
  void (*adam)(int64_t n, const AdamArgs& args, const T* grad, T* param, T* exp_avg, T* exp_avg_sq);
  void (*rmsprop)(int64_t n, const RmspropArgs& args, const T* grad, T* param, T* square_avg, T* grad_avg, T* buffer);
  void (*adagrad)(int64_t n, const AdagradArgs& args, const T* grad, T* param, T* state_sum);

  GemmKernels<T> gemm;
};

/// The set in use: the best this machine runs, or the one UNSPOOL_ISA (scalar, sse2, avx2, avx512) names if it can run.
Isa active_isa();
const char* isa_name(Isa isa);
/// Whether this build has the set and this machine runs it.
bool isa_supported(Isa isa);

/// The table of one set; one that is not supported yields the scalar table.
template <class T>
const KernelTable<T>& kernel_table_for(Isa isa);

namespace detail {
template <class T>
struct ActiveTable {
  static constinit std::atomic<const KernelTable<T>*> pointer;
  static const KernelTable<T>& resolve();
};
}  // namespace detail

/// The table of active_isa(), resolved at the first call.
template <class T>
inline const KernelTable<T>& kernel_table() {
  const KernelTable<T>* table = detail::ActiveTable<T>::pointer.load(std::memory_order_acquire);
  return table ? *table : detail::ActiveTable<T>::resolve();
}

}  // namespace unspool::kernels
