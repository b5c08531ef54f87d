#include "unspool/reservoir.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "tensor/cholesky.hpp"
#include "tensor/gemm.hpp"

namespace unspool {
namespace {

RNNOptions reservoir_options(const EchoStateOptions& options, const std::string& name) {
  detail::require(options.input_scale >= 0 && options.bias_scale >= 0, ErrorCode::bad_argument, "EchoState",
                  "scales must not be negative; given {} and {} for \"{}\"", options.input_scale, options.bias_scale,
                  name);
  return {.input = options.input,
          .hidden = options.hidden,
          .leak = options.leak,
          .layers = options.layers,
          .bidirectional = options.bidirectional,
          .init = {.weight_ih = uniform(-options.input_scale, options.input_scale),
                   .weight_hh = spectral(options.radius, options.density),
                   .bias = uniform(-options.bias_scale, options.bias_scale)}};
}

}  // namespace

template <Scalar T>
EchoState<T>::EchoState(ParameterSet<T>& params, std::string name, const EchoStateOptions& options)
    : RNN<T>(params, name, reservoir_options(options, name)) {
  for (const RNNCell<T>& cell : this->cells()) {
    const detail::CellWeights<T>& w = cell.weights();
    std::ranges::fill(w.bias_hh->mutable_values(), T(0));  // one bias is enough where nothing is learnt
    for (Parameter<T>* const p : {w.weight_ih, w.weight_hh, w.bias_ih, w.bias_hh}) p->set_trainable(false);
  }
}

namespace {

/// Rows [N,width] in double with a column of ones behind them.
template <RealScalar T>
std::vector<double> with_ones(std::span<const T> x, std::int64_t rows, std::int64_t width) {
  std::vector<double> out;
  out.reserve(static_cast<std::size_t>(rows * (width + 1)));
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto row = x.subspan(static_cast<std::size_t>(r * width), static_cast<std::size_t>(width));
    out.insert(out.end(), row.begin(), row.end());
    out.push_back(1);
  }
  return out;
}

template <RealScalar T>
std::int64_t checked_rows(const Linear<T>& readout, std::span<const T> x, std::span<const T> y, double ridge) {
  const Shape shape = readout.weight().shape();
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / shape[1];
  const bool fits =
      rows * shape[1] == static_cast<std::int64_t>(x.size()) && rows * shape[0] == static_cast<std::int64_t>(y.size());
  detail::require(fits, ErrorCode::shape_mismatch, "fit_readout",
                  "x and y must have rows of {} and {} numbers, equally many; given {} and {} numbers", shape[1],
                  shape[0], x.size(), y.size());
  detail::require(rows > 0 && ridge >= 0, ErrorCode::bad_argument, "fit_readout",
                  "there must be a row and the ridge must not be negative; given {} rows and {}", rows, ridge);
  const auto finite = [](T v) { return std::isfinite(v); };
  detail::require(std::ranges::all_of(x, finite) && std::ranges::all_of(y, finite), ErrorCode::nonfinite, "fit_readout",
                  "rows must be finite numbers; among {} numbers one is not", x.size() + y.size());
  return rows;
}

}  // namespace

template <RealScalar T>
void fit_readout(Linear<T>& readout, std::type_identity_t<std::span<const T>> x,
                 std::type_identity_t<std::span<const T>> y, double ridge) try {
  const std::int64_t rows = checked_rows(readout, x, y, ridge);
  const std::int64_t out = readout.weight().shape()[0], in = readout.weight().shape()[1];
  const bool bias = readout.bias() != nullptr;
  const std::int64_t n = bias ? in + 1 : in;
  const std::vector<double> data = bias ? with_ones(x, rows, in) : std::vector<double>(x.begin(), x.end());
  const std::vector<double> wanted(y.begin(), y.end());
  std::vector<double> gram(static_cast<std::size_t>(n * n)), solution(static_cast<std::size_t>(n * out));
  kernels::Workspace workspace;
  kernels::gemm<double>(true, false, n, n, rows, data.data(), n, data.data(), n, false, gram.data(), n, workspace);
  kernels::gemm<double>(true, false, n, out, rows, data.data(), n, wanted.data(), out, false, solution.data(), out,
                        workspace);
  for (std::int64_t i = 0; i < in; ++i) gram[static_cast<std::size_t>(i * n + i)] += ridge;
  detail::require(kernels::solve_positive(n, out, gram.data(), solution.data()), ErrorCode::bad_argument, "fit_readout",
                  "the rows must determine the weights; with a ridge of {} these {} rows do not", ridge, rows);
  const std::span<T> weight = readout.weight().mutable_values();
  for (std::int64_t o = 0; o < out; ++o)
    for (std::int64_t i = 0; i < in; ++i)
      weight[static_cast<std::size_t>(o * in + i)] = static_cast<T>(solution[static_cast<std::size_t>(i * out + o)]);
  if (!bias) return;
  for (std::int64_t o = 0; o < out; ++o)
    readout.bias()->mutable_values()[static_cast<std::size_t>(o)] =
        static_cast<T>(solution[static_cast<std::size_t>(in * out + o)]);
} catch (const std::bad_alloc&) {
  detail::fail(ErrorCode::out_of_memory, "fit_readout", "memory for the equations of {} weights could not be had",
               readout.weight().size());
}

template class EchoState<float>;
template class EchoState<double>;
template class EchoState<Dual<double>>;
template UNSPOOL_API void fit_readout(Linear<float>&, std::span<const float>, std::span<const float>, double);
template UNSPOOL_API void fit_readout(Linear<double>&, std::span<const double>, std::span<const double>, double);

}  // namespace unspool
