// op:    Var gru_cell(const Var& xg, const Var& h, const Var& w_hh, const Var& b_hh)
// shape: xg [B,3H] (x W_ih^T + b_ih, blocks r, z, n), h [B,H], w_hh [3H,H], b_hh [3H]; y [B,H]
// math:  hg = b_hh + h w_hh^T;  r, z = sigmoid(xg + hg), n = tanh(xg_n + r hg_n), y = (1 - z) n + z h;
//        dn = dy (1 - z)(1 - n^2), dz = dy (h - n) z (1 - z), dr = dn hg_n r (1 - r), d(hg_n) = dn r, dh has dy z
//        besides
// note:  Cho et al., EMNLP 2014, with the reset gate after the product, as PyTorch and cuDNN have it.
#include "ops/cell.hpp"

namespace unspool {
namespace {

constexpr int weight = 2;

struct GruCell {
  static Shape infer(const InferArgs& a) {
    check_cell(a, 3, weight);
    return a.shape(1);
  }
  // r, z, n and hg_n.
  static std::int64_t saved(const InferArgs&, const Shape& y) { return 4 * y.size(); }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return cell_flops(a, 3, 12); }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> h = a.x(1), b_hh = a.x(weight + 1);
    const std::int64_t B = h.extent(0), H = h.extent(1);
    T* const hg = a.temporary(3 * B * H);
    recurrent_product(a, h, weight, false, hg);
    kernels::kernel_table<T>().gru_forward(B, H, a.x(0).data, hg, b_hh.data, h.data, a.saved(), a.saved() + 3 * B * H,
                                           a.y().data);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> h = a.x(1);
    const std::int64_t B = h.extent(0), H = h.extent(1);
    const std::int64_t extents[2] = {B, 3 * H};
    T* const dxg = a.temporary(3 * B * H);
    T* const dhg = a.temporary(3 * B * H);
    kernels::kernel_table<T>().gru_backward(B, H, a.saved(), a.saved() + 3 * B * H, h.data, a.dy().data, dxg, dhg,
                                            a.dx(1).accumulator().data);
    a.dx(0).add(scratch_view<T>(dxg, extents));
    add_recurrent_gradients(a, weight, scratch_view<T>(dhg, extents));
  }
};

}  // namespace

constinit const OpRule gru_cell_rule =
    make_rule<GruCell>({.name = "gru_cell",
                        .arity = 4,
                        .reads = Reads::inputs,
                        .samples = "[3,6] [3,2] [6,2] [6]; [1,3] [1,1] [3,1] [3]; [2,15] [2,5] [15,5] [15];"
                                   "[0,6] [0,2] [6,2] [6]; [2,0] [2,0] [0,0] [0]"});

Handle detail::gru_cell(const Handle& xg, const Handle& h, const Handle& w_hh, const Handle& b_hh, Where where) {
  return record(gru_cell_rule, {xg, h, w_hh, b_hh}, where);
}

}  // namespace unspool
