// checkpoint: forgets what a part of a computation recorded, keeps its results, and records it again when backward()
// comes to it. The gradients have the bits that they would have had.
//
//   us::Var y = us::checkpoint([&](us::Var<> x) { return mlp(norm(x)); }, x);
//
// unroll() (unroll.hpp) does the same with the steps of a recurrence, as many as a byte budget demands.
#pragma once

#include <tuple>
#include <vector>

#include "unspool/recompute.hpp"
#include "unspool/state.hpp"

namespace unspool {

namespace detail {

template <class State>
std::vector<Handle> handles_of(const State& state) {
  std::vector<Handle> handles;
  for_each_var(state, [&](const auto& v) { handles.push_back(v); });
  return handles;
}
template <class State>
void assign_handles(State& state, const std::vector<Handle>& handles) {
  std::size_t part = 0;
  for_each_var(state, [&](auto& v) { v = std::remove_reference_t<decltype(v)>(handles[part++]); });
}

/// f over inputs, as a segment of one step.
template <class F, class Result, class... Inputs>
class PartBody final : public StepBody {
 public:
  PartBody(F f, Result* result, const Inputs&... inputs) : f_(std::move(f)), result_(result), inputs_(inputs...) {}

  void run(std::int64_t, std::vector<Handle>& state, Handle&) override {
    std::size_t part = 0;
    std::apply(
        [&](auto&... input) {
          const auto set = [&](auto& v) { v = std::remove_reference_t<decltype(v)>(state[part++]); };
          (for_each_var(input, set), ...);
        },
        inputs_);
    Result result = std::apply(f_, inputs_);
    state = handles_of(result);
    if (result_ != nullptr) *std::exchange(result_, nullptr) = std::move(result);
  }

 private:
  F f_;
  Result* result_;  // receives what the first run returns
  std::tuple<Inputs...> inputs_;
};

}  // namespace detail

/// f(inputs...), of which only the result is kept: backward() calls f once more. Inputs and result are Vars or states
/// (state.hpp). f may use parameters and other Vars too, draw random numbers (the same ones again) and contain further
/// checkpoints; it is copied, and what it refers to must live until backward(). It is called once if the tape keeps
/// gradient norms or a ledger. Throws what f throws; when f throws during backward(), parameter gradients hold a part
/// of the sum, and the tape can be reset and used again.
template <class F, class... Inputs>
auto checkpoint(F f, const Inputs&... inputs) {
  static_assert(sizeof...(Inputs) > 0, "a checkpoint needs an input: it tells the tape");
  using Result = std::decay_t<decltype(f(inputs...))>;
  std::vector<detail::Handle> state;
  const auto add = [&](const auto& v) { state.push_back(v); };
  (for_each_var(inputs, add), ...);
  detail::TapeCore& tape = detail::tape_of(state.empty() ? detail::Handle() : state[0], "checkpoint");
  if (!detail::forgets(tape)) return Result(f(inputs...));
  Result result;
  detail::Handle none;
  detail::run_steps(tape, new detail::PartBody<F, Result, Inputs...>(std::move(f), &result, inputs...), {}, state, none,
                    {});
  detail::assign_handles(result, state);
  return result;
}

}  // namespace unspool
