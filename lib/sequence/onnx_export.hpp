// OnnxExport: an ONNX graph under construction, to which modules are added one behind the other.
#pragma once

#include "base/check.hpp"
#include "files/onnx_graph.hpp"
#include "unspool/onnx.hpp"

namespace unspool::detail {

struct OnnxExport {
  OnnxGraph graph;
  std::string value;       // the last module's output
  std::int64_t width = 0;  // of its last axis
  ScalarType scalar = ScalarType::float32;
  std::string empty_rows;  // [batch,1]: which rows have no steps; none before the first recurrent module
  bool begun = false;
  bool several = false;  // there will be more than one

  OnnxType type() const { return scalar == ScalarType::float32 ? OnnxType::float32 : OnnxType::float64; }
};

/// Takes the chain on: the module reads `input` numbers a step.
template <RealScalar T>
void enter(OnnxExport& model, const std::string& name, std::int64_t input) {
  require(!model.begun || model.scalar == scalar_type<T>, ErrorCode::bad_argument, "save_onnx",
          "modules must have one scalar type; \"{}\" has another than those before it", name);
  model.scalar = scalar_type<T>;
  if (!model.begun) {
    model.begun = true;
    model.width = input;
    model.value = model.graph.unique("x");
    model.graph.add_input(model.value, model.type(), {"time", "batch", input});
  }
  require(model.width == input, ErrorCode::shape_mismatch, "save_onnx",
          "a module must read as many numbers as the one before it gives; \"{}\" reads {} and is given {}", name, input,
          model.width);
}

inline std::string prefixed(const std::string& name, const char* what) {
  return name.empty() ? what : name + "." + what;
}

/// Adds an initializer and returns its name, which is `name` or begins with it.
template <RealScalar T>
std::string add_weight(OnnxExport& model, const std::string& name, std::initializer_list<std::int64_t> extents,
                       const std::vector<T>& values) {
  const std::string unique = model.graph.unique(name);
  model.graph.add_weight(unique, model.type(), {extents.begin(), extents.size()}, std::as_bytes(std::span(values)));
  return unique;
}

}  // namespace unspool::detail
