// unroll over a stream: steps whose number nobody knows before the last one.
//
//   auto [loss, state] = us::unroll([&](std::int64_t t) { return reader.read(t); },            // false: there is no t
//                                   [&](std::int64_t t, const us::LSTMState<>& s) { ... return std::pair(loss_t, next); },
//                                   cell.zero_state(tape, 1), {.memory = us::MiB(64)});
//
// Within a budget states are stored as OnlineSchedule (plan.hpp) chooses; when the stream has ended, what lies between
// two of them is walked back by a plan.
#pragma once

#include <concepts>

#include "unspool/unroll.hpp"

namespace unspool {

namespace detail {

/// The steps of a stream, with a loss each.
template <class More, class Step, class State>
class StreamBody final : public LossBody<Step, State> {
 public:
  StreamBody(More more, Step step, const State& initial)
      : LossBody<Step, State>(std::move(step), initial), more_(std::move(more)) {}
  bool more(std::int64_t k) override { return more_(k); }

 private:
  More more_;
};

}  // namespace detail

/// Runs step(t, state), which returns a pair {loss, next state}, for t = 0, 1, ... until more(t) is false, and adds the
/// losses up. more(t) is called once for each t, in order, and may read the step's input; within a budget step(t, ...)
/// is called again during backward() and must find that input again. Gradients have the bits that they would have had
/// without a budget, or with the number of steps given. more and step are copied, and what they refer to must live
/// until backward(). Throws empty_sequence for a stream without steps, bad_argument, not_scalar, and what the two
/// throw.
template <class More, class Step, class State>
requires std::predicate<More&, std::int64_t> && std::invocable<Step&, std::int64_t, const State&>
auto unroll(More more, Step step, State initial, const UnrollOptions& options = {}, Where where = Where::current()) {
  using Loss = std::decay_t<decltype(step(std::int64_t{}, std::as_const(initial)).first)>;
  LossOutput<Loss, State> result{Loss(), std::move(initial)};
  std::vector<detail::Handle> handles = detail::handles_of(result.state);
  detail::TapeCore& tape = detail::tape_of(handles.empty() ? detail::Handle() : handles[0], "unroll");
  if (options.memory != UnrollOptions::unlimited && detail::forgets(tape)) {
    auto* const body = new detail::StreamBody<More, Step, State>(std::move(more), std::move(step), result.state);
    detail::Handle loss;
    detail::run_steps(tape, body,
                      {.steps = detail::StepsRequest::unknown,
                       .outputs = detail::StepOutputs::sum,
                       .memory = std::max<std::int64_t>(options.memory, 0)},
                      handles, loss, where);
    detail::assign_handles(result.state, handles);
    result.loss = Loss(loss);
    return result;
  }
  std::int64_t t = 0;
  for (; more(t); ++t) {
    const LabelGuard label = detail::enter_step(tape, t);
    auto [loss, next] = step(t, std::as_const(result.state));
    result.loss = t == 0 ? loss : add(result.loss, loss, where);
    result.state = std::move(next);
  }
  detail::check_steps(t);
  return result;
}

}  // namespace unspool
