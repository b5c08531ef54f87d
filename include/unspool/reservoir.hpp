// Echo state networks: a large random recurrent layer that is not trained, and a linear readout that is.
//
//   us::EchoState reservoir(params, "reservoir", {.input = I, .hidden = 500, .radius = 0.9, .density = 0.1, .leak = 0.3});
//   us::Linear readout(params, "readout", {.input = 500, .output = O});
//   us::Var states = reservoir(tape.input(x)).outputs;                        // [T,B,500]
//   us::fit_readout(readout, states.values(), targets, 1e-6);                 // in one step, or by gradient as any layer
#pragma once

#include <type_traits>

#include "unspool/layers.hpp"

namespace unspool {

struct EchoStateOptions {
  std::int64_t input = 0;
  std::int64_t hidden = 0;
  double radius = 0.9;     ///< spectral radius of weight_hh: below 1 a state forgets where it began
  double density = 1;      ///< share of weight_hh that is not 0
  double input_scale = 1;  ///< weight_ih is uniform in ± this
  double bias_scale = 0;   ///< and bias_ih in ± this
  double leak = 1;         ///< as in RNNCellOptions
  int layers = 1;
  bool bidirectional = false;
};

/// Jaeger, GMD report 148, 2001; with a leak, Jaeger et al., Neural Networks 20(3), 2007. An RNN whose parameters are
/// frozen; their names are RNN's, so that a reservoir is saved and loaded with the rest.
template <Scalar T = float>
class EchoState : public RNN<T> {
 public:
  /// Throws as RNN and spectral() do, bad_argument for a scale that is negative.
  EchoState(ParameterSet<T>& params, std::string name, const EchoStateOptions& options);
};

/// Sets a layer to the least squares fit of y = x W^T + b over rows x [N,in] and y [N,out], given row-major, with
/// `ridge` times the sum of W's squares as penalty (Lukosevicius, A practical guide to applying echo state networks,
/// 2012, eq. 9). Computed in double. Drop the first steps of a reservoir, which still tell of the initial state,
/// beforehand. Throws shape_mismatch for spans that are not of such rows, bad_argument for a negative ridge, for no
/// rows, and where the equations have no single solution (raise the ridge); nonfinite for values that are;
/// out_of_memory.
template <RealScalar T>
void fit_readout(Linear<T>& readout, std::type_identity_t<std::span<const T>> x,
                 std::type_identity_t<std::span<const T>> y, double ridge = 1e-8);

extern template class UNSPOOL_API EchoState<float>;
extern template class UNSPOOL_API EchoState<double>;
extern template class UNSPOOL_API EchoState<Dual<double>>;
extern template UNSPOOL_API void fit_readout(Linear<float>&, std::span<const float>, std::span<const float>, double);
extern template UNSPOOL_API void fit_readout(Linear<double>&, std::span<const double>, std::span<const double>, double);

}  // namespace unspool
