// What a handle refers to: shape, value, gradient, name.
#include <fmt/core.h>

#include "base/check.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {
namespace {

const Node& node_of(const Handle& x, const char* op) {
  require(x.tape() != nullptr, ErrorCode::stale_handle, op, "the Var was never recorded");
  return x.tape()->node(x.tape()->resolve(x, op, {}));
}

}  // namespace

Shape shape_of(const Handle& x) {
  const ParameterCore* p = x.parameter();
  return p != nullptr ? p->shape : node_of(x, "shape").shape();
}

const void* value_of(const Handle& x) {
  const ParameterCore* p = x.parameter();
  return p != nullptr ? p->value.data() : node_of(x, "values").value;
}

const void* gradient_of(const Handle& x) {
  if (ParameterCore* p = x.parameter()) return parameter_grad(*p);
  const Node& node = node_of(x, "grad");
  if (node.has(flag::parameter)) return parameter_grad(*node.parameter);
  TapeCore& tape = *x.tape();
  require(node.has(flag::keep_grad) && node.has(flag::needs_grad), ErrorCode::no_gradient, "grad",
          "%{} ({}) keeps no gradient; use tape.variable() or tape.keep_grad()", x.index(), node.rule->info.name);
  const void* gradient = tape.gradient(x.index());
  require(gradient != nullptr || tape.visits() > 0, ErrorCode::no_gradient, "grad", "backward() has not been run");
  // Nothing arrived: the loss does not depend on it. Exact zeros, in memory of the gradient pool.
  return gradient != nullptr ? gradient : tape.zeroed_after_walk(x.index());
}

std::string describe(const Handle& x) {
  if (const ParameterCore* p = x.parameter()) return p->name;
  return x.tape() == nullptr ? "%?" : fmt::format("%{}", x.index());
}

void keep_gradient(TapeCore& tape, const Handle& x) { tape.keep_gradient(tape.resolve(x, "keep_grad", {})); }

}  // namespace unspool::detail
