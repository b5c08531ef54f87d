// One workload with oneDNN on one thread: its recurrent primitives over whole sequences (one a layer, because a
// primitive's layers must be of one width), inner products for the read-out, softmax.
#include <omp.h>

#include <cmath>
#include <cstdlib>
#include <exception>

#include "onednn_layer.hpp"

namespace {

using namespace benchmark;

/// logits = x W^T + b for the rows of x, and the mean softmax cross-entropy.
class ReadOut {
 public:
  /// Reads `x` and writes its gradient to `dx`, both [steps,batch,hidden].
  ReadOut(Device& device, const Recurrence& w, const RecurrenceData& values, const memory& x, const memory& dx)
      : rows_(w.steps * w.batch),
        outputs_(w.outputs),
        targets_(values.targets),
        x_desc_(floats({rows_, w.hidden}, Tag::nc)),
        weight_desc_(floats({w.outputs, w.hidden}, Tag::any)),
        bias_desc_(floats({w.outputs}, Tag::x)),
        y_desc_(floats({rows_, w.outputs}, Tag::nc)),
        forward_pass_({prop_kind::forward_training, x_desc_, weight_desc_, bias_desc_, y_desc_}, device.engine),
        data_pass_({x_desc_, weight_desc_, y_desc_}, device.engine, forward_pass_),
        weights_pass_({x_desc_, weight_desc_, bias_desc_, y_desc_}, device.engine, forward_pass_),
        weight_(device, floats({w.outputs, w.hidden}, Tag::oi), values.weight_out, forward_pass_.weights_desc(),
                data_pass_.weights_desc(), weights_pass_.diff_weights_desc()),
        bias_(device.allocate(bias_desc_)),
        bias_gradient_(device.allocate(bias_desc_)),
        x_(x_desc_, device.engine, x.get_data_handle()),
        dx_(x_desc_, device.engine, dx.get_data_handle()),
        y_(device.allocate(y_desc_)),
        forward_(forward_pass_),
        data_backward_(data_pass_),
        weights_backward_(weights_pass_),
        softmax_({{prop_kind::forward_inference, y_desc_, 1}, device.engine}) {
    fill(bias_, values.bias_out);
  }

  /// Leaves the gradient of x behind and returns the loss.
  double train(Device& device) {
    weight_.refresh(device.stream);
    forward_.execute(
        device.stream,
        {{DNNL_ARG_SRC, x_}, {DNNL_ARG_WEIGHTS, weight_.forward}, {DNNL_ARG_BIAS, bias_}, {DNNL_ARG_DST, y_}});
    softmax_.execute(device.stream, {{DNNL_ARG_SRC, y_}, {DNNL_ARG_DST, y_}});
    device.stream.wait();
    const double loss = cross_entropy();
    weights_backward_.execute(device.stream, {{DNNL_ARG_SRC, x_},
                                              {DNNL_ARG_DIFF_DST, y_},
                                              {DNNL_ARG_DIFF_WEIGHTS, weight_.gradient},
                                              {DNNL_ARG_DIFF_BIAS, bias_gradient_}});
    data_backward_.execute(device.stream,
                           {{DNNL_ARG_DIFF_DST, y_}, {DNNL_ARG_WEIGHTS, weight_.backward}, {DNNL_ARG_DIFF_SRC, dx_}});
    return loss;
  }

  double gradient_squares(Device& device) const {
    return weight_.gradient_squares(device) + squares(data(bias_gradient_), static_cast<std::size_t>(outputs_));
  }

 private:
  // Probabilities become the gradient of the logits where they stand.
  double cross_entropy() {
    double loss = 0;
    float* p = data(y_);
    const float scale = 1.0f / static_cast<float>(rows_);
    for (std::int64_t row = 0; row < rows_; ++row, p += outputs_) {
      const std::int64_t target = targets_[static_cast<std::size_t>(row)];
      loss -= std::log(p[target]);
      for (std::int64_t k = 0; k < outputs_; ++k) p[k] *= scale;
      p[target] -= scale;
    }
    return loss / static_cast<double>(rows_);
  }

  std::int64_t rows_, outputs_;
  const std::vector<std::int64_t>& targets_;
  memory::desc x_desc_, weight_desc_, bias_desc_, y_desc_;
  dnnl::inner_product_forward::primitive_desc forward_pass_;
  dnnl::inner_product_backward_data::primitive_desc data_pass_;
  dnnl::inner_product_backward_weights::primitive_desc weights_pass_;
  Weight weight_;
  memory bias_, bias_gradient_, x_, dx_, y_;
  dnnl::primitive forward_, data_backward_, weights_backward_;
  dnnl::softmax_forward softmax_;
};

void train(const Recurrence& w, double seconds) {
  Device device;
  const RecurrenceData values(w);
  const memory x = device.allocate(floats({w.steps, w.batch, w.input}, Tag::tnc));
  fill(x, values.x);
  std::vector<RecurrentLayer> layers;
  for (std::int64_t l = 0; l < w.layers; ++l)
    layers.emplace_back(device, w, w.layer_input(l), values.layers[static_cast<std::size_t>(l)],
                        l == 0 ? x : layers.back().output());
  ReadOut out(device, w, values, layers.back().output(), layers.back().output_gradient());
  // Where one layer leaves the gradient of its input, the layer below reads that of its output.
  for (std::size_t l = 1; l < layers.size(); ++l)
    layers[l - 1].output_gradient().set_data_handle(layers[l].input_gradient().get_data_handle());

  double loss = 0;
  measure(
      w, "onednn", seconds,
      [&] {
        for (RecurrentLayer& layer : layers) layer.forward(device);
        loss = out.train(device);
        for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) layer->backward(device);
        device.stream.wait();
      },
      [&] {
        double squares = out.gradient_squares(device);
        for (const RecurrentLayer& layer : layers) squares += layer.gradient_squares(device);
        return Outcome{loss, squares};
      });
}

}  // namespace

int main(int argc, char** argv) {
  const Recurrence* workload = argc < 3 ? nullptr : find(recurrences, argv[1]);
  if (workload == nullptr || std::string_view(argv[2]) != "best") usage(argv[0], "best");
  omp_set_num_threads(1);
  try {
    train(*workload, argc > 3 ? std::atof(argv[3]) : 1.0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
