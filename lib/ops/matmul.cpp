// op:    Var matmul(const Var& a, const Var& b, bool transpose_a = false, bool transpose_b = false)
// shape: a [m,k] or, transposed, [k,m]; b [k,n] or, transposed, [n,k]; y [m,n]. Leading axes are batch axes and
//        broadcast.
// math:  y = op(a) op(b);  d op(a) = dy op(b)^T, d op(b) = op(a)^T dy
#include "ops/op.hpp"
#include "tape/multiply.hpp"

namespace unspool {
namespace {

struct Sizes {
  std::int64_t m, n, k;
};

template <class Shaped>
Sizes sizes_of(const Shaped& a, const Shaped& b, bool ta, bool tb) {
  return {a.extent(ta ? -1 : -2), b.extent(tb ? -2 : -1), a.extent(ta ? -2 : -1)};
}

Shape batch_of(const Shape& s) { return Shape(s.extents().first(static_cast<std::size_t>(s.rank() - 2))); }

// Calls f(a offset, b offset, y offset) for every matrix of the batch; broadcast batch axes repeat their matrix.
template <class T, class F>
void for_each_matrix(const View<const T>& a, const View<const T>& b, const View<const T>& y, F f) {
  if (y.rank == 2) return f(0, 0, 0);
  const auto batch = [](const View<const T>& v) { return v.dims().first(static_cast<std::size_t>(v.rank - 2)); };
  const auto matrix = [](const View<const T>& v) { return v.extent(-1) * v.extent(-2); };
  const std::span<const std::int64_t> dims[3] = {batch(a), batch(b), batch(y)};
  detail::for_each_run(detail::BroadcastPlan<3>(batch(y), dims), [&](const std::int64_t* at, std::int64_t count,
                                                                     const std::int64_t* step) {
    for (std::int64_t i = 0; i < count; ++i)
      f((at[0] + i * step[0]) * matrix(a), (at[1] + i * step[1]) * matrix(b), (at[2] + i * step[2]) * matrix(y));
  });
}

struct Matmul {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0), w = a.shape(1);
    const bool ta = a.flag(0), tb = a.flag(1);
    reject_unless(a, x.rank() >= 2 && w.rank() >= 2, ErrorCode::shape_mismatch, "both operands need two axes or more");
    reject_unless(a, x[ta ? -2 : -1] == w[tb ? -1 : -2], ErrorCode::shape_mismatch, "inner sizes must match; {} and {}",
                  x[ta ? -2 : -1], w[tb ? -1 : -2]);
    Shape batch;
    reject_unless(a, broadcast(batch_of(x), batch_of(w), batch), ErrorCode::shape_mismatch,
                  "batch axes must broadcast");
    std::int64_t extents[Shape::max_rank];
    std::copy(batch.extents().begin(), batch.extents().end(), extents);
    extents[batch.rank()] = x[ta ? -1 : -2];
    extents[batch.rank() + 1] = w[tb ? -2 : -1];
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(batch.rank() + 2)));
  }
  static std::int64_t flops(const InferArgs& a, const Shape& y) {
    return 2 * y.size() * a.shape(0)[a.flag(0) ? -2 : -1];
  }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> x = a.x(0), w = a.x(1), y = a.y();
    const bool ta = a.flag(0), tb = a.flag(1);
    const Sizes s = sizes_of(x, w, ta, tb);
    if (y.rank == 2) return detail::multiply<T>(a.call(), 1, ta, tb, s.m, s.n, s.k, x.data, w.data, false, a.y().data);
    for_each_matrix(x, w, y, [&](std::int64_t xo, std::int64_t wo, std::int64_t yo) {
      kernels::gemm<T>(ta, tb, s.m, s.n, s.k, x.data + xo, ta ? s.m : s.k, w.data + wo, tb ? s.k : s.n, false,
                       a.y().data + yo, s.n, a.workspace());
    });
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> x = a.x(0), w = a.x(1), dy = a.dy();
    const bool ta = a.flag(0), tb = a.flag(1);
    const Sizes s = sizes_of(x, w, ta, tb);
    if (dy.rank == 2) {
      // With the operand stored transposed, its gradient is the transposed product.
      if (ta)
        a.dx(0).add_product(tb, true, s.k, s.m, s.n, w, dy);
      else
        a.dx(0).add_product(false, !tb, s.m, s.k, s.n, dy, w);
      if (tb)
        a.dx(1).add_product(true, ta, s.n, s.k, s.m, dy, x);
      else
        a.dx(1).add_product(!ta, false, s.k, s.n, s.m, x, dy);
      return;
    }
    T* dx = a.dx(0).accumulator().data;
    T* dw = a.dx(1).accumulator().data;
    for_each_matrix(x, w, dy, [&](std::int64_t xo, std::int64_t wo, std::int64_t yo) {
      const T* d = dy.data + yo;
      if (dx != nullptr) {
        if (ta)
          kernels::gemm<T>(tb, true, s.k, s.m, s.n, w.data + wo, tb ? s.k : s.n, d, s.n, true, dx + xo, s.m,
                           a.workspace());
        else
          kernels::gemm<T>(false, !tb, s.m, s.k, s.n, d, s.n, w.data + wo, tb ? s.k : s.n, true, dx + xo, s.k,
                           a.workspace());
      }
      if (dw != nullptr) {
        if (tb)
          kernels::gemm<T>(true, ta, s.n, s.k, s.m, d, s.n, x.data + xo, ta ? s.m : s.k, true, dw + wo, s.k,
                           a.workspace());
        else
          kernels::gemm<T>(!ta, false, s.k, s.n, s.m, x.data + xo, ta ? s.m : s.k, d, s.n, true, dw + wo, s.n,
                           a.workspace());
      }
    });
  }
};

}  // namespace

constinit const OpRule matmul_rule = make_rule<Matmul>(
    {.name = "matmul",
     .arity = 2,
     .reads = Reads::inputs,
     .attrs = "transpose_a:bool, transpose_b:bool",
     .samples = "[3,4] [4,2] transpose_a=0 transpose_b=0; [4,3] [4,2] transpose_a=1 transpose_b=0;"
                "[3,4] [2,4] transpose_a=0 transpose_b=1; [4,3] [2,4] transpose_a=1 transpose_b=1;"
                "[2,3,4] [2,4,2] transpose_a=0 transpose_b=0; [2,1,3,4] [5,4,2] transpose_a=0 transpose_b=0;"
                "[2,4,3] [2,4] transpose_a=1 transpose_b=1; [3,0] [0,2] transpose_a=0 transpose_b=0"});

Handle detail::matmul(const Handle& a, const Handle& b, bool transpose_a, bool transpose_b, Where where) {
  return record(matmul_rule, {a, b}, Attrs(transpose_a, transpose_b), where);
}

}  // namespace unspool
