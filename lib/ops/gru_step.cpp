// gru_step: one step of a GRU over buffers that all steps share (ops/step.hpp), with the equations of gru_cell.
// y [rows,H] = h', in hs. The rows of xg become r, z, n; those of ns become the product's part of n, before r.
#include "ops/step.hpp"

namespace unspool::detail {
namespace {

constexpr int ns_operand = 2, h0_operand = 4, weight = 5, bias = 6;

struct GruStep {
  static Shape infer(const InferArgs& a) { return {a.integer(1), a.shape(hs_operand)[1]}; }
  static std::int64_t place(const InferArgs& a) { return a.integer(0) * a.shape(hs_operand)[1]; }
  static std::int64_t flops(const InferArgs&, const Shape& y) { return y.size() * 3 * (2 * y[1] + 12); }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const StepRows s = step_rows(a);
    const std::int64_t H = a.y().extent(1);
    T* const gates = buffer(a, 0) + s.projected * 3 * H;
    T* const hn = buffer(a, ns_operand) + s.first * H;
    T* const hg = a.temporary(s.rows * 3 * H);
    const T* const b_hh = a.x(bias).data;
    for_each_part<T>(s, H, a.x(hs_operand).data, a.x(h0_operand).data,
                     [&](std::int64_t row, std::int64_t count, const T* h) {
                       T* const own = hg + row * 3 * H;
                       multiply<T>(a.call(), weight, false, true, count, 3 * H, H, h, a.x(weight).data, false, own);
                       kernels::kernel_table<T>().gru_forward(count, H, gates + row * 3 * H, own, b_hh, h,
                                                              gates + row * 3 * H, hn + row * H, a.y().data + row * H);
                     });
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const StepRows s = step_rows(a);
    const std::int64_t H = a.y().extent(1);
    const StepGradient<T> dxg(a, s, 3 * H);
    T* const dhg = a.temporary(s.rows * 3 * H);
    const T* const gates = a.x(0).data + s.projected * 3 * H;
    const T* const hn = a.x(ns_operand).data + s.first * H;
    const StateGradient<T> dhs(a, s, gru_last, h0_operand, H);
    for_each_part<T>(s, H, a.x(hs_operand).data, a.x(h0_operand).data,
                     [&](std::int64_t row, std::int64_t count, const T* h) {
                       T* const dh = dhs.from(row);
                       T* const own = dhg + row * 3 * H;
                       kernels::kernel_table<T>().gru_backward(count, H, gates + row * 3 * H, hn + row * H, h,
                                                               a.dy().data + row * H, dxg.data + row * 3 * H, own, dh);
                       add_step_gradients<T>(a, weight, count, H, 3 * H, own, owner_temporary, h, dh);
                     });
    add_bias_gradient<T>(a, bias, s.rows, 3 * H, dhg, owner_temporary);
  }
};

constexpr OpRule gru_step_rule = make_rule<GruStep>(
    {.name = "gru_step", .arity = 7, .reads = Reads::both, .attrs = StepRows::names, .in_place = hs_operand});

}  // namespace

Handle gru_step(const Handle& xg, const Handle& hs, const Handle& ns, const Handle& last, const Handle& h0,
                const Handle& w_hh, const Handle& b_hh, const StepRows& rows, Where where) {
  return record(gru_step_rule, {xg, hs, ns, last, h0, w_hh, b_hh}, rows.attrs(), where);
}

}  // namespace unspool::detail
