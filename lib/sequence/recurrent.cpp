// RNN, LSTM and GRU: our cells in the stack that unspool/recurrent.hpp makes of any cell.
#include "unspool/recurrent.hpp"

#include <fmt/core.h>

#include "base/check.hpp"
#include "unspool/layers.hpp"
#include "unspool/skip.hpp"

namespace unspool {
namespace {

template <class LayerOptions>
StackOptions stack_options(const LayerOptions& options) {
  StackOptions stack{.layers = options.layers,
                     .bidirectional = options.bidirectional,
                     .residual = options.residual,
                     .dropout = options.dropout,
                     .variational = options.variational,
                     .recurrent_dropout = options.recurrent_dropout,
                     .zoneout = options.zoneout};
  if constexpr (requires { options.zoneout_cell; }) stack.zoneout_cell = options.zoneout_cell;
  return stack;
}

/// What Recurrent makes each cell with: `cell` holds what is the cell's own, the rest comes from the layer's options.
template <class CellType, class LayerOptions, class CellOptions, class Params>
auto maker(Params& params, const std::string& name, const LayerOptions& options, CellOptions cell) {
  cell.hidden = options.hidden;
  cell.init = options.init;
  cell.fused = options.fused;
  return [&params, name, cell](std::int64_t input, const std::string& suffix) mutable {
    cell.input = input;
    return CellType(params, name, cell, suffix);
  };
}

}  // namespace

namespace detail {

void check_stack(const StackOptions& options, const char* op) {
  require(options.layers > 0, ErrorCode::bad_argument, op, "layers must be above 0; given {}", options.layers);
  const auto probability = [op](const char* name, double p) {
    require(p >= 0 && p <= 1, ErrorCode::bad_argument, op, "{} must be in 0..1; given {}", name, p);
  };
  probability("dropout", options.dropout);
  probability("recurrent_dropout", options.recurrent_dropout);
  probability("zoneout", options.zoneout);
  probability("zoneout_cell", options.zoneout_cell);
}

void check_skip(std::int64_t steps, std::int64_t least, const char* op) {
  require(steps >= least, ErrorCode::bad_argument, op, "a skip must go back {} steps or more; given {}", least, steps);
}

void check_history(std::size_t given, std::int64_t wanted, const char* op) {
  require(static_cast<std::int64_t>(given) == wanted, ErrorCode::shape_mismatch, op,
          "the state must keep {} earlier states; given {}", wanted, given);
}

void check_no_zoneout(const StackOptions& options, const char* op) {
  require(options.zoneout == 0 && options.zoneout_cell == 0, ErrorCode::bad_argument, op,
          "zoneout must be 0 for cells that keep a history of states; given {} and {}", options.zoneout,
          options.zoneout_cell);
}

// Rows of outputs, one direction after the other and then side by side; a copy with dropout; one with the input added.
BetweenBytes layer_bytes(const StackOptions& options, bool training, bool first, bool outputs, std::int64_t rows,
                         std::int64_t row_bytes) {
  const std::int64_t directions = options.bidirectional ? 2 : 1, one = rows * row_bytes, all = directions * one;
  const bool drops = !first && training && options.dropout > 0, adds = !first && outputs && options.residual;
  BetweenBytes bytes;
  if (outputs) bytes.kept += all + (directions == 2 ? all : 0) + (adds ? all : 0);
  if (drops) bytes.kept += all + (options.variational ? rows * 8 : 0);
  // Gradients of the outputs, of them side by side or later of the inputs, and of what the inputs were made of.
  if (outputs) bytes.walked += directions * pool_bytes(one);
  if (directions == 2 || !first) bytes.walked += pool_bytes(all);
  if (drops || adds) bytes.walked += pool_bytes(all);
  return bytes;
}

std::string layer_suffix(int layer, bool reverse) { return fmt::format("_l{}{}", layer, reverse ? "_reverse" : ""); }

void check_input(const Handle& x, bool packed, std::int64_t input, const char* op) {
  (void)tape_of(x, op);
  const Shape shape = shape_of(x);
  const bool fits = shape.rank() == (packed ? 2 : 3) && shape[-1] == input;
  if (packed)
    require(fits, ErrorCode::shape_mismatch, op, "steps of x must be [{}]; packed they are {}", input, shape);
  else
    require(fits, ErrorCode::shape_mismatch, op, "x must be [T,B,{}], time first; given {}", input, shape);
}

void check_initial(const Shape& part, std::int64_t cells, std::int64_t batch, std::int64_t width, const char* op) {
  const bool holds =
      part.rank() >= 2 && part[0] == cells && part[1] == batch && (width < 0 || (part.rank() == 3 && part[2] == width));
  if (holds) return;
  fail(ErrorCode::shape_mismatch, op, "the initial state must be [{},{},{}]; given {}", cells, batch,
       width < 0 ? "..." : std::to_string(width), part);
}

}  // namespace detail

template <Scalar T>
RNN<T>::RNN(ParameterSet<T>& params, std::string name, const RNNOptions& options)
    : Recurrent<T, RNNCell<T>>(name, stack_options(options), options.input,
                               maker<RNNCell<T>>(params, name, options,
                                                 RNNCellOptions{.nonlinearity = options.nonlinearity,
                                                                .leak = options.leak,
                                                                .learn_leak = options.learn_leak}),
                               "RNN") {}

template <Scalar T>
LSTM<T>::LSTM(ParameterSet<T>& params, std::string name, const LSTMOptions& options)
    : Recurrent<T, LSTMCell<T>>(name, stack_options(options), options.input,
                                maker<LSTMCell<T>>(params, name, options,
                                                   LSTMCellOptions{.projection = options.projection,
                                                                   .peephole = options.peephole,
                                                                   .layer_norm = options.layer_norm,
                                                                   .forget_bias = options.forget_bias}),
                                "LSTM") {}

template <Scalar T>
GRU<T>::GRU(ParameterSet<T>& params, std::string name, const GRUOptions& options)
    : Recurrent<T, GRUCell<T>>(name, stack_options(options), options.input,
                               maker<GRUCell<T>>(params, name, options, GRUCellOptions{.reset = options.reset}),
                               "GRU") {}

template class Recurrent<float, RNNCell<float>>;
template class Recurrent<double, RNNCell<double>>;
template class Recurrent<Dual<double>, RNNCell<Dual<double>>>;
template class Recurrent<float, LSTMCell<float>>;
template class Recurrent<double, LSTMCell<double>>;
template class Recurrent<Dual<double>, LSTMCell<Dual<double>>>;
template class Recurrent<float, GRUCell<float>>;
template class Recurrent<double, GRUCell<double>>;
template class Recurrent<Dual<double>, GRUCell<Dual<double>>>;
template class RNN<float>;
template class RNN<double>;
template class RNN<Dual<double>>;
template class LSTM<float>;
template class LSTM<double>;
template class LSTM<Dual<double>>;
template class GRU<float>;
template class GRU<double>;
template class GRU<Dual<double>>;

}  // namespace unspool
