// Runs the cases that compare.py and weights.py send and answers with this library's numbers, all in double.
#include <iostream>

#include "run.hpp"

void set_parameter(us::Parameter<double>& p, const us::Tensor<double>& values) {
  if (p.shape() != values.shape())
    throw std::runtime_error(p.name() + " is " + p.shape().to_string() + " here and " + values.shape().to_string() +
                             " there");
  std::copy(values.values().begin(), values.values().end(), p.mutable_values().begin());
}

void Run::load() {
  for (us::Parameter<double>& p : params) set_parameter(p, c_.tensor(p.name()));
}

Var Run::leaf(const std::string& name) {
  leaves_.emplace_back(name, tape.variable(c_.tensor(name)));
  return leaves_.back().second;
}

void Run::result(const std::string& name, const Var& y) {
  write_tensor(name, y.values());
  const Var weighed = sum(y * tape.input(c_.tensor("weight_of_" + name)));
  loss_ = loss_.empty() ? weighed : loss_ + weighed;
}

void Run::finish() {
  tape.backward(loss_);
  for (const auto& [name, leaf] : leaves_) write_tensor("grad_of_" + name, leaf.grad());
  for (us::Parameter<double>& p : params) write_tensor("grad_of_" + p.name(), p.grad());
}

namespace {

constexpr std::pair<const char*, void (*)(const Case&)> kinds[] = {
    {"recurrent", run_recurrent},
    {"hessian", run_hessian},
    {"jordan", run_jordan},
    {"dilated", run_dilated},
    {"skip", run_skip},
    {"tree_lstm", run_tree_lstm},
    {"attention", run_attention},
    {"decoder", run_decoder},
    {"conditioned", run_conditioned},
    {"encoder_decoder", run_encoder_decoder},
    {"cross_entropy", run_cross_entropy},
    {"ctc_loss", run_ctc_loss},
    {"binary_cross_entropy", run_binary_cross_entropy},
    {"crf_loss", run_crf_loss},
    {"layer_norm", run_layer_norm},
    {"embedding", run_embedding},
    {"optimizer", run_optimizer},
    {"schedule", run_schedule},
    {"weights", run_weights},
};

void run(const Case& c) {
  for (const auto& [kind, function] : kinds)
    if (c.kind == kind) return function(c);
  throw std::runtime_error("unknown kind " + c.kind);
}

}  // namespace

int main() {
  Case c;
  while (read_case(std::cin, c)) {
    std::printf("case %s\n", c.name.c_str());
    try {
      run(c);
    } catch (const std::exception& e) {
      std::printf("error %s\n", e.what());
    }
    std::printf("end\n");
  }
}
