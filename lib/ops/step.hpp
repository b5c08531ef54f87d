// Steps of a whole sequence. All steps of a layer share buffers over the N rows of all steps: hs [N,H], whose rows the
// steps fill, and others a cell needs. The steps of a stretch share xg [M,G*H], their projected inputs, which a step
// overwrites with what backward needs. A step's value lies in hs, and its gradient in that of hs, so that nothing is
// sliced, stacked or copied: an LSTM step keeps 6BH values, its gates, c and h, and costs one node.
//
// The nodes of one layer:
//   hs = step_buffer(...)                     its gradient is what later layers add, and what each step hands back
//   xg = linear(x, w_ih, b_ih)                of the first stretch of steps
//   h1 = lstm_step(xg, hs, ..., hs, h0, ...)  rows of the first step
//   h2 = lstm_step(xg, hs, ..., h1, h0, ...)  the walk goes from step to step along this operand
//   ys = steps_done(hs, h2)                   all rows, for readers; from here the walk reaches the last step
// The steps must cover every row of each xg, once, and nothing else may read it.
#pragma once

#include "ops/op.hpp"
#include "tape/multiply.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {

/// The buffer, of every step op, and the step before.
inline constexpr int hs_operand = 1, lstm_last = 3, gru_last = 3, rnn_last = 2;

/// Rows [first, first + rows) of the buffers, which are rows [projected, projected + rows) of xg. The first `carried` go
/// on from rows [before, before + carried) of the step before, the others begin from the same rows of the initial state.
struct StepRows {
  std::int64_t first = 0, rows = 0, before = 0, carried = 0, projected = 0;

  Attrs attrs() const { return Attrs(first, rows, before, carried, projected); }
  Attrs attrs(bool relu) const { return Attrs(first, rows, before, carried, projected, relu); }
  static constexpr const char* names = "first:int, rows:int, before:int, carried:int, projected:int";
};

inline StepRows step_rows(const ArgsBase& a) {
  return {a.integer(0), a.integer(1), a.integer(2), a.integer(3), a.integer(4)};
}

/// Calls f(row, count, h) for the rows that carry on and for those that begin; h are their last hidden states, H wide,
/// from the buffer hs and from the initial state h0.
template <class T, class F>
void for_each_part(const StepRows& s, std::int64_t H, const T* hs, const T* h0, F f) {
  if (s.carried > 0) f(std::int64_t{0}, s.carried, hs + s.before * H);
  if (s.carried < s.rows) f(s.carried, s.rows - s.carried, h0 + s.carried * H);
}

/// The value of operand i, for writing: only a buffer's.
template <class T>
T* buffer(const ForwardArgs<T>& a, int i) {
  return const_cast<T*>(a.x(i).data);
}

/// A [rows,width] matrix whose memory lives as `owner` says.
template <class T>
View<const T> step_view(const T* data, const std::int64_t (&extents)[2], std::int32_t owner) {
  return {data, extents, extents[0] * extents[1], 2, owner};
}

/// Where a step's gradient of the pre-activations goes: its rows of dxg, or scratch where nobody wants that.
template <class T>
struct StepGradient {
  StepGradient(const BackwardArgs<T>& a, const StepRows& s, std::int64_t width) {
    bool first = false;  // whether or not: every row is assigned by its own step
    data = a.dx(0).touch(first);
    owner = data == nullptr ? owner_temporary : static_cast<std::int32_t>(a.input(0));
    data = data == nullptr ? a.temporary(s.rows * width) : data + s.projected * width;
  }
  T* data;
  std::int32_t owner;
};

/// Where dh of a row goes: of what carries on to the step before, of what begins to h0. Null where nobody wants it.
template <class T>
class StateGradient {
 public:
  StateGradient(const BackwardArgs<T>& a, const StepRows& s, int last, int h0, std::int64_t width)
      : carried_rows_(s.carried), width_(width) {
    if (s.carried < s.rows) begun_ = a.dx(h0).accumulator().data;
    bool first;
    if (s.carried > 0) carried_ = a.dx(last).touch(first);
  }
  /// Of the part that begins at a row.
  T* from(std::int64_t row) const {
    if (row < carried_rows_) return carried_;
    return begun_ == nullptr ? nullptr : begun_ + row * width_;
  }

 private:
  std::int64_t carried_rows_, width_;
  T* carried_ = nullptr;
  T* begun_ = nullptr;
};

/// What every cell's step hands on, from d = d(loss)/d(h w_hh^T) [rows,width] of one part: dh += d w_hh and
/// dw_hh += d^T h.
template <class T>
void add_step_gradients(const BackwardArgs<T>& a, int weight, std::int64_t count, std::int64_t H, std::int64_t width,
                        const T* d, std::int32_t d_owner, const T* h, T* dh) {
  const View<const T> w_hh = a.x(weight);
  if (dh != nullptr) multiply<T>(a.call(), weight, false, false, count, H, width, d, w_hh.data, true, dh);
  const std::int64_t d_extents[2] = {count, width}, h_extents[2] = {count, H};
  a.dx(weight).add_product(true, false, width, H, count, step_view(d, d_extents, d_owner),
                           step_view(h, h_extents, owner_value));
}

/// db_hh += the column sums of d [rows,width].
template <class T>
void add_bias_gradient(const BackwardArgs<T>& a, int bias, std::int64_t rows, std::int64_t width, const T* d,
                       std::int32_t owner) {
  const std::int64_t extents[2] = {rows, width};
  a.dx(bias).add_columns(step_view(d, extents, owner));
}

/// A buffer [rows,width] of unspecified values that steps will fill. The operands are what its gradient depends on.
Handle step_buffer(std::initializer_list<Handle> operands, std::int64_t rows, std::int64_t width, Where where);
/// All of a buffer's rows once `last` and the steps before it have filled them.
Handle steps_done(const Handle& buffer, const Handle& last, Where where);

/// The step after `last`, recorded like it: with the same xg and as many rows, all of which carry on.
inline Handle next_step(const Handle& last, int last_operand, const StepRows& rows) {
  const std::int64_t words[] = {rows.first, rows.rows, rows.before, rows.carried, rows.projected};
  return last.tape()->record_again(last.index(), last_operand, last.index(), words);
}

/// xg [M,4H] (x W_ih^T + b_ih, blocks i, f, g, o), hs and cs [N,H], h0 and c0 [B,H], w_hh [4H,H], b_hh [4H].
Handle lstm_step(const Handle& xg, const Handle& hs, const Handle& cs, const Handle& last, const Handle& h0,
                 const Handle& c0, const Handle& w_hh, const Handle& b_hh, const StepRows& rows, Where where);
/// xg [M,3H] (x W_ih^T + b_ih, blocks r, z, n), hs and ns [N,H], h0 [B,H], w_hh [3H,H], b_hh [3H].
Handle gru_step(const Handle& xg, const Handle& hs, const Handle& ns, const Handle& last, const Handle& h0,
                const Handle& w_hh, const Handle& b_hh, const StepRows& rows, Where where);
/// xg [M,H] (x W_ih^T + b_ih), hs [N,H], h0 [B,H], w_hh [H,H], b_hh [H].
Handle rnn_step(const Handle& xg, const Handle& hs, const Handle& last, const Handle& h0, const Handle& w_hh,
                const Handle& b_hh, const StepRows& rows, bool relu, Where where);

}  // namespace unspool::detail
