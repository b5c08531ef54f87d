// lstm_step: one step of an LSTM over buffers that all steps share (ops/step.hpp), with the equations of lstm_cell.
// y [rows,H] = h', in hs. The rows of xg become the activated gates i, f, g, o; those of cs become c'.
#include "ops/step.hpp"

namespace unspool::detail {
namespace {

constexpr int cs_operand = 2, h0_operand = 4, c0_operand = 5, weight = 6, bias = 7;

struct LstmStep {
  static Shape infer(const InferArgs& a) { return {a.integer(1), a.shape(hs_operand)[1]}; }
  static std::int64_t place(const InferArgs& a) { return a.integer(0) * a.shape(hs_operand)[1]; }
  static std::int64_t flops(const InferArgs&, const Shape& y) { return y.size() * 4 * (2 * y[1] + 12); }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const StepRows s = step_rows(a);
    const std::int64_t H = a.y().extent(1);
    T* const gates = buffer(a, 0) + s.projected * 4 * H;
    T* const hs = buffer(a, hs_operand);
    T* const cs = buffer(a, cs_operand);
    const T* const c0 = a.x(c0_operand).data;
    const T* const w_hh = a.x(weight).data;
    for_each_part<T>(s, H, hs, a.x(h0_operand).data, [&](std::int64_t row, std::int64_t count, const T* h) {
      T* const own = gates + row * 4 * H;
      const T* const c = row < s.carried ? cs + s.before * H : c0 + row * H;
      multiply<T>(a.call(), weight, false, true, count, 4 * H, H, h, w_hh, true, own);
      const std::int64_t at = (s.first + row) * H;
      kernels::kernel_table<T>().lstm_forward(count, H, own, a.x(bias).data, c, cs + at, hs + at);
    });
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const StepRows s = step_rows(a);
    const std::int64_t H = a.y().extent(1);
    const StepGradient<T> d(a, s, 4 * H);
    const T* const gates = a.x(0).data + s.projected * 4 * H;
    const T* const cs = a.x(cs_operand).data;
    T* const dcs = a.dx(cs_operand).accumulator().data;
    T* const dc0 = s.carried < s.rows ? a.dx(c0_operand).accumulator().data : nullptr;
    const StateGradient<T> dhs(a, s, lstm_last, h0_operand, H);
    for_each_part<T>(s, H, a.x(hs_operand).data, a.x(h0_operand).data,
                     [&](std::int64_t row, std::int64_t count, const T* h) {
                       const bool carried = row < s.carried;
                       const std::int64_t at = (s.first + row) * H;
                       const T* const c = carried ? cs + s.before * H : a.x(c0_operand).data + row * H;
                       T* const dc = carried ? dcs + s.before * H : dc0 == nullptr ? nullptr : dc0 + row * H;
                       T* const own = d.data + row * 4 * H;
                       kernels::kernel_table<T>().lstm_backward(count, H, gates + row * 4 * H, c, cs + at,
                                                                a.dy().data + row * H, dcs + at, own, dc, true);
                       T* const dh = dhs.from(row);
                       add_step_gradients<T>(a, weight, count, H, 4 * H, own, d.owner, h, dh);
                     });
    add_bias_gradient<T>(a, bias, s.rows, 4 * H, d.data, d.owner);
  }
};

constexpr OpRule lstm_step_rule = make_rule<LstmStep>(
    {.name = "lstm_step", .arity = 8, .reads = Reads::both, .attrs = StepRows::names, .in_place = hs_operand});

}  // namespace

Handle lstm_step(const Handle& xg, const Handle& hs, const Handle& cs, const Handle& last, const Handle& h0,
                 const Handle& c0, const Handle& w_hh, const Handle& b_hh, const StepRows& rows, Where where) {
  return record(lstm_step_rule, {xg, hs, cs, last, h0, c0, w_hh, b_hh}, rows.attrs(), where);
}

}  // namespace unspool::detail
