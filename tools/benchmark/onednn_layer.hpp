// A recurrent layer of the oneDNN program.
#pragma once

#include <initializer_list>
#include <unordered_map>

#include "onednn_weight.hpp"
#include "workload.hpp"

namespace benchmark {

using Arguments = std::unordered_map<int, memory>;

struct Passes {
  dnnl::primitive_desc forward, backward;
};

/// The two passes of a layer over sequences [steps,batch,in] -> [steps,batch,hidden] from a given state: without one,
/// oneDNN 2.6.3 gets the gradient of the recurrent weights wrong (not for GRUs).
inline Passes recurrent_passes(const Device& device, const Recurrence& w, std::int64_t in) {
  const std::int64_t biases = w.cell == Cell::gru ? 4 : w.gates();
  const auto x = floats({w.steps, w.batch, in}, Tag::tnc), y = floats({w.steps, w.batch, w.hidden}, Tag::tnc);
  const auto w_ih = floats({1, 1, in, w.gates(), w.hidden}, Tag::any);
  const auto w_hh = floats({1, 1, w.hidden, w.gates(), w.hidden}, Tag::any);
  const auto b = floats({1, 1, biases, w.hidden}, Tag::ldgo);
  const auto s = floats({1, 1, w.batch, w.hidden}, Tag::ldnc);
  const memory::desc none;
  constexpr auto train = prop_kind::forward_training, back = prop_kind::backward;
  constexpr auto along = dnnl::rnn_direction::unidirectional_left2right;
  constexpr auto tanh = dnnl::algorithm::eltwise_tanh;
  const dnnl::engine& on = device.engine;
  // Operands of the values, then of the gradients.
  // clang-format off
  if (w.cell == Cell::rnn) {
    const dnnl::vanilla_rnn_forward::primitive_desc forward({train, tanh, along, x, s, w_ih, w_hh, b, y, none}, on);
    return {forward, dnnl::vanilla_rnn_backward::primitive_desc({back, tanh, along, x, s, w_ih, w_hh, b, y, none,
                                                                 x, s, w_ih, w_hh, b, y, none}, on, forward)};
  }
  if (w.cell == Cell::lstm) {
    const dnnl::lstm_forward::primitive_desc forward({train, along, x, s, s, w_ih, w_hh, b, y, none, none}, on);
    return {forward, dnnl::lstm_backward::primitive_desc({back, along, x, s, s, w_ih, w_hh, b, y, none, none,
                                                          x, s, s, w_ih, w_hh, b, y, none, none}, on, forward)};
  }
  const dnnl::lbr_gru_forward::primitive_desc forward({train, along, x, s, w_ih, w_hh, b, y, none}, on);
  return {forward, dnnl::lbr_gru_backward::primitive_desc({back, along, x, s, w_ih, w_hh, b, y, none,
                                                           x, s, w_ih, w_hh, b, y, none}, on, forward)};
  // clang-format on
}

/// The rows of a GRU's weights or biases with the update gate first, where PyTorch has the reset gate.
inline std::vector<float> gates_in_order(const Recurrence& w, std::vector<float> rows) {
  if (w.cell == Cell::gru)
    std::swap_ranges(rows.begin(), rows.begin() + rows.size() / 3, rows.begin() + rows.size() / 3);
  return rows;
}

/// oneDNN has one bias for both products, but a GRU's candidate has one each.
inline std::vector<float> joint_bias(const Recurrence& w, const LayerWeights& weights) {
  std::vector<float> joint = gates_in_order(w, weights.bias_ih);
  const std::vector<float> hh = gates_in_order(w, weights.bias_hh);
  const std::size_t summed = w.cell == Cell::gru ? joint.size() / 3 * 2 : joint.size();
  for (std::size_t k = 0; k < summed; ++k) joint[k] += hh[k];
  joint.insert(joint.end(), hh.begin() + static_cast<std::ptrdiff_t>(summed), hh.end());
  return joint;
}

class RecurrentLayer {
 public:
  /// Reads `x`, [steps,batch,in].
  RecurrentLayer(Device& device, const Recurrence& w, std::int64_t in, const LayerWeights& weights, const memory& x)
      : cell_(w.cell),
        passes_(recurrent_passes(device, w, in)),
        weight_ih_(weight(device, w, in, gates_in_order(w, weights.weight_ih), DNNL_ARG_WEIGHTS_LAYER,
                          DNNL_ARG_DIFF_WEIGHTS_LAYER)),
        weight_hh_(weight(device, w, w.hidden, gates_in_order(w, weights.weight_hh), DNNL_ARG_WEIGHTS_ITER,
                          DNNL_ARG_DIFF_WEIGHTS_ITER)),
        bias_(device.allocate(query(passes_.forward, DNNL_ARG_BIAS))),
        bias_gradient_(device.allocate(query(passes_.backward, DNNL_ARG_DIFF_BIAS))),
        forward_(passes_.forward),
        backward_(passes_.backward) {
    fill(bias_, joint_bias(w, weights));
    forward_arguments_ = {{DNNL_ARG_SRC_LAYER, x},
                          {DNNL_ARG_WEIGHTS_LAYER, weight_ih_.forward},
                          {DNNL_ARG_WEIGHTS_ITER, weight_hh_.forward},
                          {DNNL_ARG_BIAS, bias_}};
    allocate(device, passes_.forward, forward_arguments_,
             {DNNL_ARG_SRC_ITER, DNNL_ARG_SRC_ITER_C, DNNL_ARG_DST_LAYER, DNNL_ARG_WORKSPACE});
    for (const int state : {DNNL_ARG_SRC_ITER, DNNL_ARG_SRC_ITER_C})
      if (forward_arguments_.contains(state)) clear(forward_arguments_[state]);
    backward_arguments_ = forward_arguments_;
    backward_arguments_[DNNL_ARG_WEIGHTS_LAYER] = weight_ih_.backward;
    backward_arguments_[DNNL_ARG_WEIGHTS_ITER] = weight_hh_.backward;
    backward_arguments_[DNNL_ARG_DIFF_WEIGHTS_LAYER] = weight_ih_.gradient;
    backward_arguments_[DNNL_ARG_DIFF_WEIGHTS_ITER] = weight_hh_.gradient;
    backward_arguments_[DNNL_ARG_DIFF_BIAS] = bias_gradient_;
    allocate(device, passes_.backward, backward_arguments_,
             {DNNL_ARG_DIFF_SRC_LAYER, DNNL_ARG_DIFF_SRC_ITER, DNNL_ARG_DIFF_SRC_ITER_C, DNNL_ARG_DIFF_DST_LAYER});
  }

  void forward(Device& device) {
    weight_ih_.refresh(device.stream);
    weight_hh_.refresh(device.stream);
    forward_.execute(device.stream, forward_arguments_);
  }

  void backward(Device& device) {
    for (const memory& sum : {weight_ih_.gradient, weight_hh_.gradient, bias_gradient_})
      clear(sum);  // the primitive adds
    backward_.execute(device.stream, backward_arguments_);
  }

  memory output() const { return forward_arguments_.at(DNNL_ARG_DST_LAYER); }
  memory input_gradient() const { return backward_arguments_.at(DNNL_ARG_DIFF_SRC_LAYER); }
  memory output_gradient() const { return backward_arguments_.at(DNNL_ARG_DIFF_DST_LAYER); }

  /// Of PyTorch's parameters: there the two biases get the same gradient, but for a GRU's candidate.
  double gradient_squares(Device& device) const {
    const std::size_t biases = bias_gradient_.get_desc().get_size() / sizeof(float);
    const std::size_t twice = cell_ == Cell::gru ? biases / 2 : biases;
    return weight_ih_.gradient_squares(device) + weight_hh_.gradient_squares(device) +
           2 * squares(data(bias_gradient_), twice) + squares(data(bias_gradient_) + twice, biases - twice);
  }

 private:
  Weight weight(Device& device, const Recurrence& w, std::int64_t in, const std::vector<float>& values, int argument,
                int gradient_argument) const {
    return Weight(device, floats({1, 1, in, w.gates(), w.hidden}, Tag::ldgoi), values, query(passes_.forward, argument),
                  query(passes_.backward, argument), query(passes_.backward, gradient_argument));
  }

  // Memory for those of the arguments that the pass has: only an LSTM has a second state.
  static void allocate(const Device& device, const dnnl::primitive_desc& pass, Arguments& arguments,
                       std::initializer_list<int> wanted) {
    for (const int argument : wanted) {
      const memory::desc desc = query(pass, argument);
      if (desc.get_size() > 0) arguments[argument] = device.allocate(desc);
    }
  }

  Cell cell_;
  Passes passes_;
  Weight weight_ih_, weight_hh_;
  memory bias_, bias_gradient_;
  dnnl::primitive forward_, backward_;
  Arguments forward_arguments_, backward_arguments_;
};

}  // namespace benchmark
