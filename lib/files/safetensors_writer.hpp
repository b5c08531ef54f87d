// The one writer behind save_safetensors and write_safetensors.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "unspool/safetensors.hpp"

namespace unspool::detail {

/// `op` is whom errors name.
void write_tensors(std::string_view op, const std::string& path, std::span<const NamedTensor> tensors,
                   const Metadata& metadata);

}  // namespace unspool::detail
