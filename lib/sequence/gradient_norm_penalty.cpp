#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "unspool/cells.hpp"
#include "unspool/gradient_flow.hpp"
#include "unspool/ops.hpp"

namespace unspool {
namespace {

/// d_t diag(f'(h_t)) of the rows that have a gradient, and 1 / |d_t|.
template <class T>
struct Arriving {
  std::vector<T> rows, scales;

  Arriving(std::span<const T> h, std::span<const T> d, std::size_t width, Nonlinearity nonlinearity) {
    for (std::size_t row = 0; row < h.size(); row += width) {
      double squares = 0;
      for (std::size_t i = row; i < row + width; ++i) squares += static_cast<double>(d[i]) * static_cast<double>(d[i]);
      if (squares == 0) continue;
      scales.push_back(static_cast<T>(1 / std::sqrt(squares)));
      for (std::size_t i = row; i < row + width; ++i)
        rows.push_back(d[i] * (nonlinearity == Nonlinearity::tanh ? 1 - h[i] * h[i] : static_cast<T>(h[i] > 0)));
    }
  }
};

}  // namespace

template <Scalar T>
Var<T> gradient_norm_penalty(Tape<T>& tape, const Tensor<T>& states, const Tensor<T>& gradients,
                             Parameter<T>& weight_hh, Nonlinearity nonlinearity, Where where) {
  const Shape& shape = states.shape();
  const auto given = [&](bool holds, const char* what, const Shape& found) {
    detail::require(holds, ErrorCode::shape_mismatch, "gradient_norm_penalty", "{}; given {}", what, found.to_string());
  };
  given(shape.rank() == 3 && shape[2] > 0, "states must be [T,B,H]", shape);
  given(gradients.shape() == shape, "gradients must have the shape of states", gradients.shape());
  given(weight_hh.shape() == Shape{shape[2], shape[2]}, "weight_hh must be [H,H]", weight_hh.shape());
  const std::int64_t H = shape[2];
  const Arriving<T> arriving(states.values(), gradients.values(), static_cast<std::size_t>(H), nonlinearity);
  const std::int64_t rows = static_cast<std::int64_t>(arriving.scales.size());
  const Var<T> handed = matmul(tape.input({rows, H}, arriving.rows, where), weight_hh, false, false, where);
  const Var<T> ratios = mul(norm(handed, {1}, false, where), tape.input({rows}, arriving.scales, where), where);
  const Var<T> total = sum(square(add_scalar(ratios, -1, where), where), {}, false, where);
  return div_scalar(total, static_cast<double>(std::max<std::int64_t>(shape[1], 1)), where);
}

template Var<float> gradient_norm_penalty(Tape<float>&, const Tensor<float>&, const Tensor<float>&, Parameter<float>&,
                                          Nonlinearity, Where);
template Var<double> gradient_norm_penalty(Tape<double>&, const Tensor<double>&, const Tensor<double>&,
                                           Parameter<double>&, Nonlinearity, Where);

}  // namespace unspool
