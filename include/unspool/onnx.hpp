// ONNX: a model of our layers as a file that other runtimes run.
//
//   us::Embedding table(params, "table", {.count = V, .width = E});
//   us::LSTM lstm(params, "encoder", {.input = E, .hidden = H, .layers = 2, .bidirectional = true});
//   us::Linear head(params, "head", {.input = 2 * H, .output = C});
//   us::save_onnx("tagger.onnx", {table, lstm, head});   // each module reads what the one before it gives
#pragma once

#include <initializer_list>

#include "unspool/layers.hpp"

namespace unspool {

namespace detail {

struct OnnxExport;
[[noreturn]] UNSPOOL_API void reject_onnx(const std::string& module, const char* what);

template <RealScalar T>
void add_onnx(OnnxExport& model, const Embedding<T>& module);
template <RealScalar T>
void add_onnx(OnnxExport& model, const Linear<T>& module);
template <RealScalar T>
void add_onnx(OnnxExport& model, const Recurrent<T, RNNCell<T>>& module);
template <RealScalar T>
void add_onnx(OnnxExport& model, const Recurrent<T, LSTMCell<T>>& module);
template <RealScalar T>
void add_onnx(OnnxExport& model, const Recurrent<T, GRUCell<T>>& module);
template <RealScalar T, class CellType>
void add_onnx(OnnxExport&, const Recurrent<T, CellType>& module) {
  reject_onnx(module.name(), "has cells that are none of RNNCell, LSTMCell and GRUCell");
}

}  // namespace detail

/// A module of a chain: refers to an Embedding, RNN, LSTM, GRU or Linear.
class OnnxModule {
 public:
  template <class Module>
  requires requires(detail::OnnxExport& model, const Module& module) { add_onnx(model, module); }
  OnnxModule(const Module& module)
      : module_(&module),
        recurrent_(requires { module.cells(); }),
        add_([](detail::OnnxExport& model, const void* of) { add_onnx(model, *static_cast<const Module*>(of)); }) {}
  bool recurrent() const noexcept { return recurrent_; }
  void add_to(detail::OnnxExport& model) const { add_(model, module_); }

 private:
  const void* module_;
  bool recurrent_;
  void (*add_)(detail::OnnxExport&, const void*);
};

/// Writes a chain of modules (Embedding, RNN, LSTM, GRU, Linear) as an ONNX model, operator set 14, for inference:
/// dropout is left out. Numbers of steps and rows are symbolic, "time" and "batch".
///
/// inputs:  "ids" [time,batch], int64, where the first module is an embedding, else "x" [time,batch,I]; with a
///          recurrent module also "sequence_lens" [batch], int32, and for each of them "initial_h" (and "initial_c")
///          [layers * directions,batch,H]
/// outputs: "y" [time,batch,width] and for each recurrent module "h_n" (and "c_n"), shaped as the initial states
///
/// Where there are several recurrent modules the names of their states begin with the module's: "encoder.initial_h".
/// Numbers of y beyond a row's length are unspecified. A row of length 0 keeps its initial state, as here.
///
/// Throws unsupported, naming the module, for what ONNX has no operator for: projection, layer normalisation, leaky
/// units, zoneout, cells of your own, an embedding that is not first; bad_argument for an empty chain or one of two
/// scalar types; shape_mismatch where a module does not fit the one before it; file_write; out_of_memory.
UNSPOOL_API void save_onnx(const std::string& path, std::initializer_list<OnnxModule> modules);

namespace detail {

extern template UNSPOOL_API void add_onnx(OnnxExport&, const Embedding<float>&);
extern template UNSPOOL_API void add_onnx(OnnxExport&, const Embedding<double>&);
extern template UNSPOOL_API void add_onnx(OnnxExport&, const Linear<float>&);
extern template UNSPOOL_API void add_onnx(OnnxExport&, const Linear<double>&);
extern template UNSPOOL_API void add_onnx(OnnxExport&, const Recurrent<float, RNNCell<float>>&);
extern template UNSPOOL_API void add_onnx(OnnxExport&, const Recurrent<double, RNNCell<double>>&);
extern template UNSPOOL_API void add_onnx(OnnxExport&, const Recurrent<float, LSTMCell<float>>&);
extern template UNSPOOL_API void add_onnx(OnnxExport&, const Recurrent<double, LSTMCell<double>>&);
extern template UNSPOOL_API void add_onnx(OnnxExport&, const Recurrent<float, GRUCell<float>>&);
extern template UNSPOOL_API void add_onnx(OnnxExport&, const Recurrent<double, GRUCell<double>>&);

}  // namespace detail
}  // namespace unspool
