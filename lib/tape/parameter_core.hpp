// ParameterCore: what a Parameter and the tapes that read it share.
#pragma once

#include <string>

#include "base/aligned_buffer.hpp"
#include "base/counted.hpp"
#include "unspool/parameter.hpp"

namespace unspool::detail {

struct ParameterCore : Counted {
  ScalarType type = ScalarType::float32;
  std::string name;
  Shape shape;
  AlignedBuffer value;
  AlignedBuffer grad;
  bool grad_is_zero = true;  // grad holds nothing yet: the first contribution assigns
  bool trainable = true;
  std::uint64_t version = 0;  // grows whenever the value may have been written

  std::int64_t bytes() const { return shape.size() * scalar_bytes(type); }
};

}  // namespace unspool::detail
