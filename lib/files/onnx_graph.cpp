#include "files/onnx_graph.hpp"

#include "base/check.hpp"

namespace unspool::detail {

namespace {

// AttributeProto.AttributeType.
constexpr std::int64_t kind_int = 2, kind_string = 3, kind_ints = 7, kind_strings = 8;
constexpr std::int64_t ir_version = 7, opset_version = 14;

}  // namespace

OnnxNode::OnnxNode(std::string_view op, std::span<const std::string> inputs, std::span<const std::string> outputs) {
  for (const std::string& name : inputs) message_.text(1, name);
  for (const std::string& name : outputs) message_.text(2, name);
  message_.text(3, outputs.front() + "." + std::string(op)).text(4, op);
}

OnnxNode& OnnxNode::attribute(std::string_view name, std::int64_t type, ProtoMessage& value) {
  message_.message(5, value.text(1, name).integer(20, type));
  return *this;
}

OnnxNode& OnnxNode::set(std::string_view name, std::int64_t value) {
  return attribute(name, kind_int, ProtoMessage().integer(3, value));
}

OnnxNode& OnnxNode::set(std::string_view name, std::string_view value) {
  return attribute(name, kind_string, ProtoMessage().text(4, value));
}

OnnxNode& OnnxNode::set(std::string_view name, std::initializer_list<std::int64_t> values) {
  return attribute(name, kind_ints, ProtoMessage().integers(8, {values.begin(), values.size()}));
}

OnnxNode& OnnxNode::set(std::string_view name, std::string_view value, std::int64_t count) {
  ProtoMessage strings;
  for (std::int64_t i = 0; i < count; ++i) strings.text(9, value);
  return attribute(name, kind_strings, strings);
}

std::string OnnxGraph::unique(const std::string& wanted) {
  std::string name = wanted;
  for (int number = 2; !names_.insert(name).second; ++number) name = fmt::format("{}.{}", wanted, number);
  return name;
}

void OnnxGraph::add_weight(std::string_view name, OnnxType type, std::span<const std::int64_t> extents,
                           std::span<const std::byte> values) {
  ProtoMessage tensor;
  tensor.integers(1, extents).integer(2, static_cast<std::int64_t>(type)).text(8, name);
  tensor.text(9, {reinterpret_cast<const char*>(values.data()), values.size()});
  graph_.message(5, tensor);
}

ProtoMessage OnnxGraph::value_info(std::string_view name, OnnxType type, OnnxDims dims) {
  ProtoMessage shape;
  for (const OnnxDim& dim : dims)
    shape.message(1, dim.symbol.empty() ? ProtoMessage().integer(1, dim.extent) : ProtoMessage().text(2, dim.symbol));
  ProtoMessage tensor;
  tensor.integer(1, static_cast<std::int64_t>(type)).message(2, shape);
  ProtoMessage info;
  return info.text(1, name).message(2, ProtoMessage().message(1, tensor));
}

std::string OnnxGraph::model(std::string_view op) const {
  constexpr std::size_t longest = 0x7fffff00;  // the rest of the message takes less than the difference to 2 GiB
  ProtoMessage graph = graph_;
  graph.text(2, "unspool");
  require(graph.bytes().size() < longest, ErrorCode::unsupported, op,
          "a model must be below 2 GiB; it would take {} bytes", graph.bytes().size());
  ProtoMessage model;
  model.integer(1, ir_version).text(2, "unspool").message(7, graph);
  model.message(8, ProtoMessage().text(1, "").integer(2, opset_version));
  return model.bytes();
}

}  // namespace unspool::detail
