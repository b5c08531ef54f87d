// A case under way, and the kinds of cases that the driver knows.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "exchange.hpp"
#include "unspool/ops.hpp"
#include "unspool/parameter.hpp"

namespace us = unspool;
using Var = us::Var<double>;

/// Gives a parameter the case's numbers; throws unless the shapes agree.
void set_parameter(us::Parameter<double>& p, const us::Tensor<double>& values);

/// The tape of a case, its parameters and its leaves. Results are written, weighed element by element, so that no
/// transposition cancels out, and summed up; the sum is what is walked back from.
class Run {
 public:
  explicit Run(const Case& c) : c_(c) {}

  us::Tape<double> tape;
  us::ParameterSet<double> params;

  /// Gives every parameter the case's tensor of its name.
  void load();
  /// A tensor of the case whose gradient is asked for.
  Var leaf(const std::string& name);
  /// A value that is asked for; weighed by the tensor "weight_of_NAME".
  void result(const std::string& name, const Var& y);
  /// Walks back and writes the gradients of leaves and parameters.
  void finish();

 private:
  const Case& c_;
  std::vector<std::pair<std::string, Var>> leaves_;
  Var loss_;
};

us::Reduction reduction_of(const Case& c);

// The kinds, by file.
void run_recurrent(const Case& c);
void run_hessian(const Case& c);

void run_jordan(const Case& c);
void run_dilated(const Case& c);
void run_skip(const Case& c);
void run_tree_lstm(const Case& c);

void run_attention(const Case& c);
void run_decoder(const Case& c);
void run_conditioned(const Case& c);
void run_encoder_decoder(const Case& c);

void run_cross_entropy(const Case& c);
void run_ctc_loss(const Case& c);
void run_binary_cross_entropy(const Case& c);
void run_crf_loss(const Case& c);
void run_layer_norm(const Case& c);
void run_embedding(const Case& c);

void run_optimizer(const Case& c);
void run_schedule(const Case& c);

void run_weights(const Case& c);
