// The product of duals as three real ones over separate planes of values and tangents:
// (A + A' ε)(B + B' ε) = A B + (A B' + A' B) ε.
#include <algorithm>

#include "tensor/gemm.hpp"

namespace unspool::kernels {
namespace {

using std::int64_t;
using Real = double;

/// A matrix of duals as two real ones, rows without gaps.
struct Planes {
  Real *value, *tangent;
  bool constant = true;  // all tangents are 0

  Planes(Real*& memory, int64_t size) : value(memory), tangent(memory + size) { memory += 2 * size; }
  void split(int64_t rows, int64_t columns, const Dual<Real>* from, int64_t stride) {
    Real any = 0;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < columns; ++c) {
        const Dual<Real>& x = from[r * stride + c];
        value[r * columns + c] = x.value;
        tangent[r * columns + c] = x.tangent;
        any = x.tangent != 0 ? 1 : any;  // also where it is NaN
      }
    constant = any == 0;
  }
};

}  // namespace

// A plane without tangents is left out: weights and data, which are most of a network, often have none.
template <>
void gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const Dual<Real>* a, int64_t lda, const Dual<Real>* b,
          int64_t ldb, bool accumulate, Dual<Real>* c, int64_t ldc, Workspace& workspace) {
  if (m == 0 || n == 0) return;
  Real* memory = workspace.reserve_outer<Real>(2 * (m * k + k * n + m * n));
  Planes left(memory, m * k), right(memory, k * n), product(memory, m * n);
  left.split(ta ? k : m, ta ? m : k, a, lda);
  right.split(tb ? n : k, tb ? k : n, b, ldb);
  const auto multiply = [&](const Real* x, const Real* y, bool add, Real* to) {
    gemm<Real>(ta, tb, m, n, k, x, ta ? m : k, y, tb ? k : n, add, to, n, workspace);
  };
  multiply(left.value, right.value, false, product.value);
  if (!right.constant) multiply(left.value, right.tangent, false, product.tangent);
  if (!left.constant) multiply(left.tangent, right.value, !right.constant, product.tangent);
  if (left.constant && right.constant) std::fill_n(product.tangent, m * n, Real(0));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const Dual<Real> sum(product.value[i * n + j], product.tangent[i * n + j]);
      c[i * ldc + j] = accumulate ? c[i * ldc + j] + sum : sum;
    }
}

}  // namespace unspool::kernels
