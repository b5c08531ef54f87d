// The product of duals as three real ones over separate planes of values and tangents:
// (A + A' ε)(B + B' ε) = A B + (A B' + A' B) ε.
#include "tensor/gemm_dual.hpp"

#include <algorithm>

#include "base/aligned_buffer.hpp"

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

// The three products, by multiply(left plane, plane of B, add, to). A plane without tangents is left out: weights and
// data, which are most of a network, often have none.
template <class B, class Multiply>
void multiply_planes(int64_t m, int64_t n, const Planes& left, const B& right, const Planes& product,
                     Onto<Dual<Real>> onto, Dual<Real>* c, int64_t ldc, Multiply multiply) {
  multiply(left.value, right.value, false, product.value);
  if (!right.constant) multiply(left.value, right.tangent, false, product.tangent);
  if (!left.constant) multiply(left.tangent, right.value, !right.constant, product.tangent);
  if (left.constant && right.constant) std::fill_n(product.tangent, m * n, Real(0));
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const Dual<Real> sum(product.value[i * n + j], product.tangent[i * n + j]);
      Dual<Real>& out = c[i * ldc + j];
      out = onto.accumulates() ? out + sum : onto.row() != nullptr ? onto.row()[j] + sum : sum;
    }
}

/// The packed form: whether there are tangents, then both planes.
struct Packed {
  static constexpr int64_t header = 4;  // duals: a cache line
  const Real *value, *tangent;
  bool constant;

  Packed(const Dual<Real>* packed, int64_t size)
      : value(reinterpret_cast<const Real*>(packed + header)), tangent(value + size), constant(packed->value != 0) {}
};

}  // namespace

template <>
void gemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const Dual<Real>* a, int64_t lda, const Dual<Real>* b,
          int64_t ldb, Onto<Dual<Real>> onto, Dual<Real>* c, int64_t ldc, Workspace& workspace) {
  if (m == 0 || n == 0) return;
  Real* memory = workspace.reserve_outer<Real>(2 * (m * k + k * n + m * n));
  Planes left(memory, m * k), right(memory, k * n), product(memory, m * n);
  left.split(ta ? k : m, ta ? m : k, a, lda);
  right.split(tb ? n : k, tb ? k : n, b, ldb);
  multiply_planes(m, n, left, right, product, onto, c, ldc, [&](const Real* x, const Real* y, bool add, Real* to) {
    gemm<Real>(ta, tb, m, n, k, x, ta ? m : k, y, tb ? k : n, add, to, n, workspace);
  });
}

template <>
int64_t gemm_packed_size<Dual<Real>>(int64_t k, int64_t n) {
  return Packed::header + gemm_packed_size<Real>(k, n);
}

template <>
void gemm_pack(bool tb, int64_t k, int64_t n, const Dual<Real>* b, int64_t ldb, Dual<Real>* packed) {
  const unspool::detail::AlignedBuffer scratch(2 * k * n * static_cast<int64_t>(sizeof(Real)));
  Real* memory = reinterpret_cast<Real*>(scratch.data());
  Planes planes(memory, k * n);
  planes.split(tb ? n : k, tb ? k : n, b, ldb);
  *packed = planes.constant ? 1 : 0;
  Real* const to = reinterpret_cast<Real*>(packed + Packed::header);
  gemm_pack<Real>(tb, k, n, planes.value, tb ? k : n, to);
  if (!planes.constant) gemm_pack<Real>(tb, k, n, planes.tangent, tb ? k : n, to + gemm_packed_size<Real>(k, n));
}

template <>
void gemm_packed(int64_t m, int64_t n, int64_t k, const Dual<Real>* a, int64_t lda, const Dual<Real>* packed,
                 Onto<Dual<Real>> onto, Dual<Real>* c, int64_t ldc, Workspace& workspace) {
  if (m == 0 || n == 0) return;
  Real* memory = workspace.reserve_outer<Real>(2 * (m * k + m * n));
  Planes left(memory, m * k), product(memory, m * n);
  left.split(m, k, a, lda);
  const Packed right(packed, gemm_packed_size<Real>(k, n));
  multiply_planes(m, n, left, right, product, onto, c, ldc, [&](const Real* x, const Real* y, bool add, Real* to) {
    gemm_packed<Real>(m, n, k, x, k, y, add, to, n, workspace);
  });
}

}  // namespace unspool::kernels
