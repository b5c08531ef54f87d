// save_onnx: a chain of modules as an ONNX graph.
#include "unspool/onnx.hpp"

#include <algorithm>

#include "files/atomic_file.hpp"
#include "sequence/onnx_export.hpp"

namespace unspool {
namespace detail {

void reject_onnx(const std::string& module, const char* what) {
  fail(ErrorCode::unsupported, "save_onnx", "modules must be what ONNX has operators for; \"{}\" {}", module, what);
}

template <RealScalar T>
void add_onnx(OnnxExport& model, const Embedding<T>& module) {
  if (model.begun) reject_onnx(module.name(), "is an embedding that is not the first module");
  model.scalar = scalar_type<T>;
  model.begun = true;
  const Parameter<T>& table = module.weight();
  const std::string ids = model.graph.unique("ids");
  model.graph.add_input(ids, OnnxType::int64, {"time", "batch"});
  const std::vector<T> values(table.values().begin(), table.values().end());
  const std::string rows =
      add_weight(model, prefixed(module.name(), "weight"), {table.shape()[0], table.shape()[1]}, values);
  model.value = model.graph.unique(prefixed(module.name(), "rows"));
  model.graph.add(OnnxNode("Gather", {rows, ids}, {model.value}));
  model.width = table.shape()[1];
}

template <RealScalar T>
void add_onnx(OnnxExport& model, const Linear<T>& module) {
  const std::int64_t out = module.weight().shape()[0], in = module.weight().shape()[1];
  enter<T>(model, module.name(), in);
  const std::span<const T> values = module.weight().values();
  std::vector<T> transposed(values.size());
  for (std::int64_t i = 0; i < out; ++i)
    for (std::int64_t j = 0; j < in; ++j)
      transposed[static_cast<std::size_t>(j * out + i)] = values[static_cast<std::size_t>(i * in + j)];
  const std::string W = add_weight(model, prefixed(module.name(), "weight_transposed"), {in, out}, transposed);
  std::string y = model.graph.unique(prefixed(module.name(), "product"));
  model.graph.add(OnnxNode("MatMul", {model.value, W}, {y}));
  if (module.bias() != nullptr) {
    const std::vector<T> bias(module.bias()->values().begin(), module.bias()->values().end());
    const std::string sum = model.graph.unique(prefixed(module.name(), "sum"));
    model.graph.add(OnnxNode("Add", {y, add_weight(model, prefixed(module.name(), "bias"), {out}, bias)}, {sum}));
    y = sum;
  }
  model.value = y;
  model.width = out;
}

template void add_onnx(OnnxExport&, const Embedding<float>&);
template void add_onnx(OnnxExport&, const Embedding<double>&);
template void add_onnx(OnnxExport&, const Linear<float>&);
template void add_onnx(OnnxExport&, const Linear<double>&);

}  // namespace detail

void save_onnx(const std::string& path, std::initializer_list<OnnxModule> modules) {
  detail::require(modules.size() > 0, ErrorCode::bad_argument, "save_onnx", "a model must have a module; given none");
  try {
    detail::OnnxExport model;
    model.several = std::ranges::count_if(modules, &OnnxModule::recurrent) > 1;
    for (const OnnxModule& module : modules) module.add_to(model);
    // y last of all: a name of its own whatever the last module called its output.
    const std::string y = model.graph.unique("y");
    model.graph.add(detail::OnnxNode("Identity", {model.value}, {y}));
    model.graph.add_output(y, model.type(), {"time", "batch", model.width});
    const std::string bytes = model.graph.model("save_onnx");
    detail::write_file_atomically(path, {std::as_bytes(std::span(bytes))}, "save_onnx");
  } catch (const std::bad_alloc&) {
    detail::fail(ErrorCode::out_of_memory, "save_onnx", "memory for a copy of the weights could not be had");
  }
}

}  // namespace unspool
