// Truncated backpropagation through time, BPTT(k2; k1): after every k1 steps the sum of their losses is walked back
// over the last k2 steps; what came before counts as constant (Williams and Peng, Neural Computation 2(4), 1990).
//
//   us::TruncatedBptt<float, us::LSTMState<>> bptt(tape, cell.zero_state(tape, B), {.every = 20, .back = 50});
//   while (...) {
//     params.zero_grad();
//     double loss = bptt.window([&](std::int64_t t, const us::LSTMState<>& s) { ...; return std::pair(loss_t, next); });
//     optimizer.step();
//   }
#pragma once

#include <vector>

#include "unspool/ops.hpp"
#include "unspool/recompute.hpp"
#include "unspool/state.hpp"

namespace unspool {

/// A state's numbers, apart from any tape: carried on while the history behind them is cut.
template <Scalar T, class State>
class CarriedState {
 public:
  /// Copies the numbers. Throws stale_handle.
  explicit CarriedState(const State& state) : pattern_(state) {
    for_each_var(state, [&](const Var<T>& v) { parts_.push_back(v.tensor()); });
  }
  /// The numbers as constants of a tape.
  State on(Tape<T>& tape, Where where = Where::current()) const {
    State state = pattern_;
    std::size_t part = 0;
    for_each_var(state, [&](Var<T>& v) { v = tape.input(parts_[part++], where); });
    return state;
  }

 private:
  State pattern_;  // how many parts it has and what lies between; its Vars are stale
  std::vector<Tensor<T>> parts_;
};

struct TruncatedOptions {
  std::int64_t every = 0;  ///< k1: steps of a window
  std::int64_t back = 0;   ///< k2: steps that gradients go back; 0: as many as a window has
};

namespace detail {
/// Throws bad_argument unless 0 < every <= back.
UNSPOOL_API void check_truncation(std::int64_t every, std::int64_t back);
}  // namespace detail

/// Runs steps 0, 1, 2, ... a window at a time on a tape that it resets. Memory is that of k2 steps however many there
/// were before; with k2 above k1 the steps between are computed again, from a state of some windows ago, with the
/// parameters as they are now.
template <Scalar T, class State>
class TruncatedBptt {
 public:
  /// Throws bad_argument unless 0 < every <= back.
  TruncatedBptt(Tape<T>& tape, const State& initial, const TruncatedOptions& options)
      : tape_(tape), every_(options.every), back_(options.back == 0 ? options.every : options.back) {
    detail::check_truncation(every_, back_);
    stored_.push_back({0, CarriedState<T, State>(initial)});
  }

  /// Records the next k1 steps, and before them those that gradients go back to, adds up the k1 losses, walks back, and
  /// returns the sum. step(t, state) returns a pair {loss, next state}. Throws what the step and backward() throw; the
  /// window can then be run again.
  template <class Step>
  double window(Step&& step, Where where = Where::current()) {
    tape_.reset();
    const std::int64_t end = done_ + every_, begin = std::max<std::int64_t>(end - back_, 0);
    auto from = stored_.begin();
    while (from->step != begin) ++from;
    State state = from->state.on(tape_, where);
    std::vector<Stored> later;
    Var<T> total;
    for (std::int64_t t = begin; t < end; ++t) {
      const LabelGuard label = tape_.step(t);
      auto [loss, next] = step(t, std::as_const(state));
      if (t >= done_) total = total.empty() ? loss : add(total, loss, where);
      state = std::move(next);
      // A later window begins here.
      if (t >= done_ && (t + 1 + back_) % every_ == 0) later.push_back({t + 1, CarriedState<T, State>(state)});
    }
    tape_.backward(total, where);
    const std::int64_t next_begin = std::max<std::int64_t>(end + every_ - back_, 0);
    std::erase_if(stored_, [&](const Stored& s) { return s.step < next_begin; });
    for (Stored& s : later) stored_.push_back(std::move(s));
    done_ = end;
    return static_cast<double>(total.item());
  }
  /// Steps whose losses have been walked back.
  std::int64_t steps() const { return done_; }

 private:
  struct Stored {
    std::int64_t step;
    CarriedState<T, State> state;
  };
  Tape<T>& tape_;
  std::int64_t every_, back_, done_ = 0;
  std::vector<Stored> stored_;  // where windows to come begin
};

}  // namespace unspool
