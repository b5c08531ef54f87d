// op:    Var rnn_cell(const Var& xg, const Var& h, const Var& w_hh, const Var& b_hh, bool relu = false)
// shape: xg [B,H] (x W_ih^T + b_ih), h [B,H], w_hh [H,H], b_hh [H]; y [B,H]
// math:  y = f(xg + b_hh + h w_hh^T), f = tanh or relu;  d = dy f' with f' = 1 - y^2 or [y > 0], dxg = d, dh = d w_hh
// note:  Elman, Cognitive Science 14(2), 1990.
#include "ops/cell.hpp"

namespace unspool {
namespace {

constexpr int weight = 2;

struct RnnCell {
  static Shape infer(const InferArgs& a) {
    check_cell(a, 1, weight);
    return a.shape(1);
  }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return cell_flops(a, 1, 12); }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> h = a.x(1);
    const View<T> y = a.y();
    const kernels::KernelTable<T>& kernel = kernels::kernel_table<T>();
    kernel.add_rows(h.extent(0), h.extent(1), a.x(0).data, a.x(weight + 1).data, y.data);
    recurrent_product(a, h, weight, true, y.data);
    (a.flag(0) ? kernel.relu : kernel.tanh)(y.size, y.data, y.data);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> y = a.y();
    const std::int64_t extents[2] = {y.extent(0), y.extent(1)};
    T* const d = a.temporary(y.size);
    const kernels::KernelTable<T>& kernel = kernels::kernel_table<T>();
    (a.flag(0) ? kernel.relu_grad : kernel.tanh_grad)(y.size, a.dy().data, y.data, d, false);
    const View<const T> dsum = scratch_view<T>(d, extents);
    a.dx(0).add(dsum);
    add_recurrent_gradients(a, weight, dsum);
  }
};

}  // namespace

// The relu samples keep clear of the kink: the sum of xg, h w_hh^T and b_hh is positive, or negative, throughout.
constinit const OpRule rnn_cell_rule = make_rule<RnnCell>(
    {.name = "rnn_cell",
     .arity = 4,
     .reads = Reads::both,
     .attrs = "relu:bool",
     .samples = "[3,2] [3,2] [2,2] [2] relu=0; [1,1] [1,1] [1,1] [1] relu=0; [2,5] [2,5] [5,5] [5] relu=0;"
                "[3,2] in 1..2 [3,2] in 0..1 [2,2] in 0..1 [2] in 0..1 relu=1;"
                "[3,2] in -2..-1 [3,2] in 0..1 [2,2] in -1..0 [2] in -1..0 relu=1;"
                "[0,2] [0,2] [2,2] [2] relu=0; [2,0] [2,0] [0,0] [0] relu=1"});

Handle detail::rnn_cell(const Handle& xg, const Handle& h, const Handle& w_hh, const Handle& b_hh, bool relu,
                        Where where) {
  return record(rnn_cell_rule, {xg, h, w_hh, b_hh}, Attrs(relu), where);
}

}  // namespace unspool
