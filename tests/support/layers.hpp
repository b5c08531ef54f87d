// What the tests of cells and layers speak of. They compute in double.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "support/caught.hpp"
#include "support/close.hpp"
#include "support/random_tensor.hpp"
#include "unspool/gradcheck.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"

namespace unspool::test {

using Values = std::vector<double>;
using Lengths = std::vector<std::int64_t>;

}  // namespace unspool::test
