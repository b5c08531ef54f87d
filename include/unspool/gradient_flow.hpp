// Why gradients vanish or explode: the Jacobians D_t = ds_t/ds_(t-1) of a recurrence's steps, whose product carries
// every gradient back through time (Bengio, Simard and Frasconi, IEEE TNN 5(2), 1994; Pascanu, Mikolov and Bengio, ICML
// 2013, section 2). Unlike the norms of one loss's gradients it does not depend on what the loss is.
//
//   const us::GradientFlow flow = us::gradient_flow<>(cell, xs, cell.zero_state(tape, B));
//   std::puts(us::flow_text(flow).c_str());
#pragma once

#include <string>
#include <vector>

#include "unspool/parameter.hpp"
#include "unspool/state_numbers.hpp"

namespace unspool {

/// One step's Jacobian, by power iteration with the products D v and D^T u.
struct StepFlow {
  double norm = 0;    ///< its largest singular value: the most that a gradient can grow in this step
  double radius = 0;  ///< its spectral radius, from the growth of D^k v, to about 2%: what repeating the step would do
  double log10_reach = 0;  ///< of the largest singular value of D_t ... D_1: the most that s_0 still counts for s_t
};

struct GradientFlow {
  std::vector<StepFlow> steps;
  double rate = 1;  ///< factor a step, fitted to log10_reach; 0 where nothing comes through
};

namespace detail {

/// Takes the Jacobians of a run one after the other.
template <Scalar T>
class UNSPOOL_API FlowMeter {
 public:
  explicit FlowMeter(std::int64_t width);
  void add(std::span<const T> jacobian);
  GradientFlow finish();

 private:
  std::int64_t width_;
  std::vector<T> product_, next_;  // D_t ... D_1 by 2^-exponent_, so that neither end of the range is met
  double exponent_ = 0;
  GradientFlow flow_;
};

extern template class FlowMeter<float>;
extern template class FlowMeter<double>;

/// Throws shape_mismatch unless x is [T,rows,...] and `row` one of them.
UNSPOOL_API void check_flow_input(const Shape& x, std::int64_t rows, std::int64_t row);

}  // namespace detail

/// Runs row `row` of xs [T,B,...] through a cell, from the state `initial`, [B,...]. Each step costs one step over S
/// rows, forward and back, and a product of S x S matrices, where S counts the numbers of one row's state. The cell is
/// anything that unroll() takes. Throws shape_mismatch, bad_argument, and what the cell throws.
template <Scalar T = float, class Cell, class State>
GradientFlow gradient_flow(Cell& cell, const Tensor<T>& xs, const State& initial, std::int64_t row = 0) {
  detail::StateNumbers<T, State> numbers(initial);
  detail::check_flow_input(xs.shape(), numbers.batch(), row);
  detail::FlowMeter<T> meter(numbers.width());
  Tape<T> tape;
  const std::int64_t steps = xs.shape()[0], size = steps == 0 ? 0 : xs.size() / steps;
  for (std::int64_t t = 0; t < steps; ++t) {
    const auto values = xs.values().subspan(static_cast<std::size_t>(t * size), static_cast<std::size_t>(size));
    const Tensor<T> x(Shape(xs.shape().extents().subspan(1)), std::vector<T>(values.begin(), values.end()));
    meter.add(detail::step_jacobian(tape, cell, x, numbers, row));
    tape.reset();
    State state = numbers.variables(tape, 0, numbers.batch());
    detail::single_step<T>(cell, tape.input(x), state);
    numbers = numbers.with(state);
    tape.reset();
  }
  return meter.finish();
}

/// What the figures say, in a few lines: the rate, whether gradients vanish (a thousandth is left before the beginning
/// is reached), explode (a thousand times as much) or hold, over how many steps, and the step that is to blame.
UNSPOOL_API std::string flow_text(const GradientFlow& flow);

enum class Nonlinearity : std::uint8_t;

/// Pascanu's regulariser: the sum over the steps, and mean over the batch, of
///   (|d_t D_t| / |d_t| - 1)^2   with d_t = dL/dh_t and D_t = dh_t/dh_(t-1) = diag(f'(h_t)) w_hh,
/// which asks a plain recurrence h_t = f(x_t w_ih^T + h_(t-1) w_hh^T + b) to hand gradients on as long as they came
/// (Pascanu, Mikolov and Bengio, ICML 2013, section 3.3, equations 9 and 10). As there, its gradient is the immediate
/// one for w_hh: states and gradients count as constants. states and gradients are h_t and d_t, [T,B,H]: values and
/// grad() of what tape.keep_grad() kept in a first walk. Rows without a gradient do not count. Throws shape_mismatch.
template <Scalar T>
Var<T> gradient_norm_penalty(Tape<T>& tape, const Tensor<T>& states, const Tensor<T>& gradients,
                             Parameter<T>& weight_hh, Nonlinearity nonlinearity, Where where = Where::current());

extern template UNSPOOL_API Var<float> gradient_norm_penalty(Tape<float>&, const Tensor<float>&, const Tensor<float>&,
                                                             Parameter<float>&, Nonlinearity, Where);
extern template UNSPOOL_API Var<double> gradient_norm_penalty(Tape<double>&, const Tensor<double>&,
                                                              const Tensor<double>&, Parameter<double>&, Nonlinearity,
                                                              Where);

}  // namespace unspool
