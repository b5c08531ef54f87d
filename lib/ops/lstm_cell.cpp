// op:    Var lstm_cell(const Var& xg, const Var& h, const Var& c, const Var& w_hh, const Var& b_hh)
// shape: xg [B,4H] (x W_ih^T + b_ih, blocks i, f, g, o), h and c [B,H], w_hh [4H,H], b_hh [4H]; y [2,B,H], h' then c'
// math:  i, f, o = sigmoid, g = tanh of xg + b_hh + h w_hh^T;  c' = f c + i g, h' = o tanh(c');
//        dc = dc' + dh' o (1 - tanh(c')^2), d(gate) = its factor in c' or h' * its own slope, d(c) = dc f
// note:  Hochreiter and Schmidhuber, Neural Computation 9(8), 1997, with the forget gate of Gers et al., 2000.
#include "ops/cell.hpp"

namespace unspool {
namespace {

constexpr int weight = 3;

struct LstmCell {
  static Shape infer(const InferArgs& a) {
    check_cell(a, 4, weight);
    return {2, a.shape(1)[0], a.shape(1)[1]};
  }
  // The activated gates. With h' and c' a step keeps 6BH values; tanh(c') is computed again.
  static std::int64_t saved(const InferArgs&, const Shape& y) { return 2 * y.size(); }
  static std::int64_t flops(const InferArgs& a, const Shape&) { return cell_flops(a, 4, 12); }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> h = a.x(1), c = a.x(2);
    const std::int64_t B = h.extent(0), H = h.extent(1);
    T* const gates = a.saved();
    std::copy_n(a.x(0).data, 4 * B * H, gates);
    recurrent_product(a, h, weight, true, gates);
    T* const y = a.y().data;
    kernels::kernel_table<T>().lstm_forward(B, H, gates, a.x(weight + 1).data, c.data, y + B * H, y);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> c = a.x(2), y = a.y(), dy = a.dy();
    const std::int64_t B = c.extent(0), H = c.extent(1), state = B * H;
    const std::int64_t extents[2] = {B, 4 * H};
    T* const d = a.temporary(4 * state);
    bool first = false;
    T* const dc = a.dx(2).touch(first);
    kernels::kernel_table<T>().lstm_backward(B, H, a.saved(), c.data, y.data + state, dy.data, dy.data + state, d, dc,
                                             !first);
    const View<const T> dgates = scratch_view<T>(d, extents);
    a.dx(0).add(dgates);
    add_recurrent_gradients(a, weight, dgates);
  }
};

}  // namespace

constinit const OpRule lstm_cell_rule = make_rule<LstmCell>(
    {.name = "lstm_cell",
     .arity = 5,
     .reads = Reads::both,
     .samples = "[3,8] [3,2] [3,2] [8,2] [8]; [1,4] [1,1] [1,1] [4,1] [4];"
                "[2,20] [2,5] [2,5] [20,5] [20]; [0,8] [0,2] [0,2] [8,2] [8]; [2,0] [2,0] [2,0] [0,0] [0]"});

Handle detail::lstm_cell(const Handle& xg, const Handle& h, const Handle& c, const Handle& w_hh, const Handle& b_hh,
                         Where where) {
  return record(lstm_cell_rule, {xg, h, c, w_hh, b_hh}, where);
}

}  // namespace unspool
