// rnn_step: one step of a plain recurrence over buffers that all steps share (ops/step.hpp), with the equations of
// rnn_cell. y [rows,H] = h', in hs. The rows of xg become the pre-activations.
#include "ops/step.hpp"

namespace unspool::detail {
namespace {

constexpr int h0_operand = 3, weight = 4, bias = 5;
constexpr int relu_word = 5;

struct RnnStep {
  static Shape infer(const InferArgs& a) { return {a.integer(1), a.shape(hs_operand)[1]}; }
  static std::int64_t place(const InferArgs& a) { return a.integer(0) * a.shape(hs_operand)[1]; }
  static std::int64_t flops(const InferArgs&, const Shape& y) { return y.size() * (2 * y[1] + 12); }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const StepRows s = step_rows(a);
    const std::int64_t H = a.y().extent(1);
    T* const sums = buffer(a, 0) + s.projected * H;
    const T* const w_hh = a.x(weight).data;
    const kernels::KernelTable<T>& kernel = kernels::kernel_table<T>();
    kernel.add_rows(s.rows, H, sums, a.x(bias).data, sums);
    for_each_part<T>(s, H, a.x(hs_operand).data, a.x(h0_operand).data,
                     [&](std::int64_t row, std::int64_t count, const T* h) {
                       multiply<T>(a.call(), weight, false, true, count, H, H, h, w_hh, true, sums + row * H);
                     });
    (a.flag(relu_word) ? kernel.relu : kernel.tanh)(s.rows * H, sums, a.y().data);
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const StepRows s = step_rows(a);
    const std::int64_t H = a.y().extent(1);
    const StepGradient<T> d(a, s, H);
    const kernels::KernelTable<T>& kernel = kernels::kernel_table<T>();
    (a.flag(relu_word) ? kernel.relu_grad : kernel.tanh_grad)(s.rows * H, a.dy().data, a.y().data, d.data, false);
    const StateGradient<T> dhs(a, s, rnn_last, h0_operand, H);
    for_each_part<T>(s, H, a.x(hs_operand).data, a.x(h0_operand).data,
                     [&](std::int64_t row, std::int64_t count, const T* h) {
                       T* const dh = dhs.from(row);
                       add_step_gradients<T>(a, weight, count, H, H, d.data + row * H, d.owner, h, dh);
                     });
    add_bias_gradient<T>(a, bias, s.rows, H, d.data, d.owner);
  }
};

constexpr OpRule rnn_step_rule =
    make_rule<RnnStep>({.name = "rnn_step",
                        .arity = 6,
                        .reads = Reads::both,
                        .attrs = "first:int, rows:int, before:int, carried:int, projected:int, relu:bool",
                        .in_place = hs_operand});

}  // namespace

Handle rnn_step(const Handle& xg, const Handle& hs, const Handle& last, const Handle& h0, const Handle& w_hh,
                const Handle& b_hh, const StepRows& rows, bool relu, Where where) {
  return record(rnn_step_rule, {xg, hs, last, h0, w_hh, b_hh}, rows.attrs(relu), where);
}

}  // namespace unspool::detail
