// op:    Var softplus(const Var& x, double beta = 1)
// shape: y as x
// math:  y = ln(1 + e^(beta x)) / beta;  dx = dy * sigmoid(beta x)
// note:  Exact for every x, without PyTorch's switch to y = x above beta x = 20. beta must be positive.
#include "ops/op.hpp"

namespace unspool {
namespace {

struct Softplus {
  static Shape infer(const InferArgs& a) {
    const double beta = a.real(0);
    reject_unless(a, beta > 0 && maths::isfinite(beta), ErrorCode::bad_argument,
                  "beta must be positive and finite; given {}", beta);
    return a.shape(0);
  }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto& kernel = kernels::kernel_table<T>();
    const std::int64_t n = a.y().size;
    const T beta = static_cast<T>(a.real(0));
    T* y = a.y().data;
    if (beta == T{1}) return kernel.softplus(n, a.x(0).data, y);
    map(a.x(0), a.y(), [beta](T x) { return beta * x; });
    kernel.softplus(n, y, y);
    // Where beta x overflowed, y = x to the last digit.
    map<T>(a.x(0), a.y(), a.y(), [beta](T x, T v) { return maths::isinf(v) ? x : v / beta; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const auto& kernel = kernels::kernel_table<T>();
    const std::int64_t n = a.dy().size;
    const T beta = static_cast<T>(a.real(0));
    bool first;
    T* dx = a.dx(0).touch(first);
    if (dx == nullptr) return;
    if (beta == T{1}) return kernel.softplus_grad(n, a.dy().data, a.x(0).data, dx, !first);
    T* scaled = a.temporary(n);
    for (std::int64_t i = 0; i < n; ++i) scaled[i] = beta * a.x(0).data[i];
    kernel.softplus_grad(n, a.dy().data, scaled, dx, !first);
  }
};

}  // namespace

constinit const OpRule softplus_rule =
    make_rule<Softplus>({.name = "softplus",
                         .arity = 1,
                         .reads = Reads::inputs,
                         .attrs = "beta:real",
                         .samples = "[3,4] beta=1; [3,4] beta=2.5; [3] in 30..40 beta=1; [3] in -40..-30 beta=1;"
                                    "[2,0,3] beta=1; [1] in 4..6 beta=0.5; [] beta=1"});

Handle detail::softplus(const Handle& x, double beta, Where where) {
  return record(softplus_rule, {x}, Attrs(beta), where);
}

}  // namespace unspool
