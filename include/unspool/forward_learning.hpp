// Learning forward in time: the gradient of a recurrence at every step, without a past to walk back over.
//
//   auto learner = us::forward_learner(cell, cell.zero_state(tape, B), {.method = us::ForwardMethod::rtrl});
//   for (...) {  // memory does not grow with time
//     params.zero_grad();
//     double loss = learner.step(x, [&](const us::Var<>& y) { return us::cross_entropy(readout(y), labels); });
//     optimizer.step();
//   }
//
// With s_t = F(x_t, s_(t-1), w) the influence J_t = ds_t/dw obeys J_t = D_t J_(t-1) + F_t, D_t = ds_t/ds_(t-1) and F_t
// the immediate part of ds_t/dw; a step's gradient is dL_t/ds_t J_t. D_t and F_t come from walking one step back, so
// any cell learns this way. P below is the number of the cell's trained values, S of those of one row's state.
#pragma once

#include <vector>

#include "unspool/parameter.hpp"
#include "unspool/state_numbers.hpp"

namespace unspool {

/// How the influence is kept.
enum class ForwardMethod : std::uint8_t {
  /// All of it: real-time recurrent learning (Williams and Zipser, Neural Computation 1(2), 1989). Exact: the sum over
  /// the steps is the gradient of backpropagation through time. A step takes O(S^2 P) time, B S P memory.
  rtrl,
  /// Those entries alone that one step of the cell makes: SnAp-1 (Menick et al., ICLR 2021, section 3). Biased; exact
  /// where D_t is diagonal. Kept as a dense matrix with zeros, so it costs what rtrl costs.
  snap1,
  /// A random matrix of rank one whose mean is the influence: UORO (Tallec and Ollivier, ICLR 2018, algorithm 1). No
  /// bias, much variance. A step takes O(S^2 + P) time and about as much memory for each row.
  uoro
};

struct ForwardOptions {
  ForwardMethod method = ForwardMethod::rtrl;
  std::uint64_t seed = 0;  ///< of UORO's random signs
};

namespace detail {

/// J of every row of a batch. The next one is built up row by row and takes over with advance().
template <Scalar T>
class Influence {
 public:
  Influence(const ForwardOptions& options, std::int64_t batch, std::int64_t state);

  std::int64_t batch() const { return batch_; }
  std::int64_t state() const { return state_; }
  bool rank_one() const { return options_.method == ForwardMethod::uoro; }
  /// Empties the tape and has it keep parameter gradients to itself.
  static void begin(TapeCore& tape);
  /// UORO's signs for row b of the step under way, S of them.
  std::span<const T> draw_signs(std::int64_t b);
  /// The walk just made on `tape` was of component i of row b's next state (UORO: of its product with the signs).
  void take(TapeCore& tape, std::int64_t b, std::int64_t i);
  /// Row b's D_t, [S,S].
  void take_state_jacobian(std::int64_t b, std::span<const T> jacobian);
  /// Adds delta J, with delta = dL/ds_(t-1) [B,S], to the parameters' gradients, then makes the next J the present one.
  void add_gradients(std::span<const T> delta);
  void advance();
  /// Back to zero influence.
  void restart();

 private:
  struct Block {
    Shared<ParameterCore> parameter;
    std::vector<T> now, next;     // [B,S,size]; rank one: [B,size]
    std::vector<char> immediate;  // snap1: whether one step ever made the entry
  };
  Block& block(ParameterCore& parameter);
  void update_full(std::int64_t b, std::span<const T> jacobian);
  void update_rank_one(std::int64_t b, std::span<const T> jacobian);

  ForwardOptions options_;
  std::int64_t batch_, state_, steps_ = 0;
  std::vector<Block> blocks_;
  std::vector<T> direction_, next_direction_, signs_;  // rank one: [B,S]
};

extern template class UNSPOOL_API Influence<float>;
extern template class UNSPOOL_API Influence<double>;

}  // namespace detail

/// Runs a cell over a stream, one step at a time, and learns at each. `cell` is anything that unroll() takes; it lives
/// as long as the learner, and treats each row by itself.
template <Scalar T, class Cell, class State>
class ForwardLearner {
 public:
  /// Starts from the numbers of `initial`, a state of Vars [B,...] on any tape. Throws bad_argument for parts without
  /// rows or values, or of different B.
  ForwardLearner(Cell& cell, const State& initial, const ForwardOptions& options = {})
      : cell_(&cell), initial_(initial), now_(initial_), influence_(options, now_.batch(), now_.width()) {}

  /// One step: y, state = cell(x, state), and the loss of y. Adds the gradient of this step's loss to the parameters',
  /// through the whole past for the cell's, and returns the loss. x is [B,...]; loss(y) returns a Var of one element on
  /// y's tape. When cell or loss throw, state and influence stay as they were. Throws shape_mismatch, not_scalar.
  template <class Loss>
  double step(const Tensor<T>& x, Loss&& loss) {
    detail::check_input_rows(x.shape(), now_.batch());
    for (std::int64_t b = 0; b < now_.batch(); ++b) look_ahead(x, b);
    tape_.reset();
    State before = now_.variables(tape_, 0, now_.batch()), after = before;
    const Var<T> value = loss(detail::single_step<T>(*cell_, tape_.input(x), after));
    const double result = static_cast<double>(value.item());
    Numbers next = now_.with(after);
    tape_.backward(value);
    influence_.add_gradients(now_.gradients(before));
    influence_.advance();
    now_ = std::move(next);
    return result;
  }

  /// The state's parts, as after the last step.
  const std::vector<Tensor<T>>& state() const { return now_.parts(); }
  /// A new stream: the initial state, and no past.
  void restart() {
    now_ = initial_;
    influence_.restart();
  }

 private:
  using Numbers = detail::StateNumbers<T, State>;

  // The influence of row b at the end of this step.
  void look_ahead(const Tensor<T>& x, std::int64_t b) {
    const std::int64_t S = now_.width();
    if (influence_.rank_one()) {
      walk_row(x, b, influence_.draw_signs(b), 0);
      detail::Influence<T>::begin(*tape_.core());
      influence_.take_state_jacobian(b, detail::step_jacobian(tape_, *cell_, x, now_, b));
      return;
    }
    std::vector<T> jacobian, seed(static_cast<std::size_t>(S));
    for (std::int64_t i = 0; i < S; ++i) {
      seed.assign(seed.size(), 0);
      seed[static_cast<std::size_t>(i)] = 1;
      const std::vector<T> row = walk_row(x, b, seed, i);
      jacobian.insert(jacobian.end(), row.begin(), row.end());
    }
    influence_.take_state_jacobian(b, jacobian);
  }

  // One walk from seed . s_t, row b alone: the parameters' part goes to the influence, the last state's is returned.
  std::vector<T> walk_row(const Tensor<T>& x, std::int64_t b, std::span<const T> seed, std::int64_t i) {
    detail::Influence<T>::begin(*tape_.core());
    State before = now_.variables(tape_, b, 1), after = before;
    detail::single_step<T>(*cell_, tape_.input(Numbers::copied_rows(x, b, 1, 1)), after);
    const Var<T> total = now_.weighted_sum(tape_, after, seed);
    if (!total.empty()) tape_.backward(total);
    influence_.take(*tape_.core(), b, i);
    return total.empty() ? std::vector<T>(seed.size()) : now_.gradients(before);
  }

  Cell* cell_;
  Numbers initial_, now_;
  detail::Influence<T> influence_;
  Tape<T> tape_;
};

/// A learner whose types are those of its arguments.
template <Scalar T = float, class Cell, class State>
ForwardLearner<T, Cell, State> forward_learner(Cell& cell, const State& initial, const ForwardOptions& options = {}) {
  return ForwardLearner<T, Cell, State>(cell, initial, options);
}

}  // namespace unspool
