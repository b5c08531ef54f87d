// Skip connections through time: cells that read the state of d steps ago, in place of the last one or beside it. A
// gradient then passes T / d cells on its way back, not T.
//
//   us::DilatedCell<float, us::GRUCell<>> dilated(us::GRUCell(params, "rnn", {.input = I, .hidden = H}), 8);
//   us::SkipCell<float, us::LSTMCell<>> skip(params, us::LSTMCell(params, "deep", {.input = I, .hidden = H}), 8);
//   auto [ys, last] = us::unroll(dilated, xs, dilated.zero_state(tape, B));
//
// Both are cells as any other, for unroll, bidirectional, Recurrent, streams, and around cells of your own.
#pragma once

#include <vector>

#include "unspool/cells.hpp"
#include "unspool/recurrent.hpp"

namespace unspool {

namespace detail {

/// Throws bad_argument unless a skip is `least` or more.
UNSPOOL_API void check_skip(std::int64_t steps, std::int64_t least, const char* op);
/// Throws shape_mismatch unless a history is as long as the skip wants it.
UNSPOOL_API void check_history(std::size_t given, std::int64_t wanted, const char* op);

template <Scalar T, class CellType>
using StateOf = decltype(std::declval<const CellType&>().zero_state(std::declval<const Var<T>&>(), std::int64_t{}));

}  // namespace detail

/// s_t = cell(x_t, s_(t-d)): every d-th step follows on the one before it, d recurrences side by side (Chang et al.,
/// Dilated recurrent neural networks, NeurIPS 2017, eq. 1). The state is the last d states, oldest first.
template <Scalar T, class CellType>
class DilatedCell {
 public:
  using Inner = detail::StateOf<T, CellType>;
  using State = std::vector<Inner>;
  static constexpr bool keeps_history = true;

  /// d is 1 or more. Throws bad_argument.
  DilatedCell(CellType cell, std::int64_t d) : cell_(std::move(cell)), d_(d) {
    detail::check_skip(d, 1, "DilatedCell");
  }

  /// x [B,...] -> the output and the last d states. Throws shape_mismatch for a history of another length.
  std::pair<Var<T>, State> operator()(const Var<T>& x, const State& past, Where where = Where::current()) const {
    return step(project(x, where), past, where);
  }
  /// What the inner cell makes of all inputs at once, and a step from a part of it.
  Var<T> project(const Var<T>& x, Where where = Where::current()) const {
    return detail::cell_input<Inner>(cell_, x, where);
  }
  std::pair<Var<T>, State> step(const Var<T>& x, const State& past, Where where = Where::current()) const {
    detail::check_history(past.size(), d_, "DilatedCell");
    Inner next = past.front();
    const Var<T> output = detail::accept<const CellType, T>(detail::cell_step(cell_, x, past.front(), where), next);
    State all(past.begin() + 1, past.end());
    all.push_back(std::move(next));
    return {output, std::move(all)};
  }
  /// Zeros for `batch` rows; `at` is a tape or a Var on it.
  template <class At>
  State zero_state(At&& at, std::int64_t batch) const {
    return State(static_cast<std::size_t>(d_), cell_.zero_state(at, batch));
  }

  std::int64_t hidden() const { return output(); }
  std::int64_t output() const { return detail::output_width(cell_); }
  const CellType& cell() const noexcept { return cell_; }

 private:
  CellType cell_;
  std::int64_t d_;
};

/// The state of a SkipCell: the cell's own and its h of the d - 1 steps before that, oldest first.
template <Scalar T, class Inner>
struct SkipState {
  Inner inner;
  std::vector<Var<T>> past;
};

/// RNNCell, LSTMCell or GRUCell, or another with project() and step(), whose sums see h_(t-d) beside h_(t-1): W_sh
/// h_(t-d) is added to the projected input of all gates (Lin et al., IEEE Transactions on Neural Networks 7(6), 1996;
/// Zhang et al., NeurIPS 2016, section 3.3). The parameter "name.weight_sh" has the shape of weight_hh.
template <Scalar T, class CellType>
class SkipCell {
 public:
  using Inner = detail::StateOf<T, CellType>;
  using State = SkipState<T, Inner>;
  static constexpr bool keeps_history = true;

  /// d is 2 or more. `suffix` is the cell's. Throws bad_argument, duplicate_name.
  SkipCell(ParameterSet<T>& params, CellType cell, std::int64_t d, const std::string& suffix = "",
           const std::optional<Init>& init = {})
      : cell_(std::move(cell)), d_(d) {
    detail::check_skip(d, 2, "SkipCell");
    const Shape& shape = cell_.weights().weight_hh->shape();
    const std::string prefix = cell_.name().empty() ? "" : cell_.name() + ".";
    weight_ = &params.add(prefix + "weight_sh" + suffix, shape, init.value_or(xavier_uniform()));
  }

  /// x [B,I] -> the next state. Throws shape_mismatch for a history of another length.
  State operator()(const Var<T>& x, const State& s, Where where = Where::current()) const {
    return step(project(x, where), s, where);
  }
  /// What the inner cell makes of all inputs at once, and a step from a part of it.
  Var<T> project(const Var<T>& x, Where where = Where::current()) const { return cell_.project(x, where); }
  State step(const Var<T>& projected, const State& s, Where where = Where::current()) const {
    detail::check_history(s.past.size(), d_ - 1, "SkipCell");
    const Var<T> skipped = linear(s.past.front(), *weight_, where);
    State next{cell_.step(add(projected, skipped, where), s.inner, where), {}};
    next.past.reserve(s.past.size());
    next.past.assign(s.past.begin() + 1, s.past.end());
    next.past.push_back(detail::first_var<T>(s.inner));
    return next;
  }
  /// Zeros for `batch` rows; `at` is a tape or a Var on it.
  template <class At>
  State zero_state(At&& at, std::int64_t batch) const {
    Inner inner = cell_.zero_state(at, batch);
    const Var<T> h = detail::first_var<T>(inner);
    return {std::move(inner), std::vector<Var<T>>(static_cast<std::size_t>(d_ - 1), h)};
  }

  std::int64_t hidden() const { return output(); }
  std::int64_t output() const { return detail::output_width(cell_); }
  const CellType& cell() const noexcept { return cell_; }

 private:
  CellType cell_;
  std::int64_t d_;
  Parameter<T>* weight_;
};

}  // namespace unspool
