// Passes: the walks over the steps that a recording is made of. A layer is one, the reverse direction another, a decoder a
// third; passes of one block share the columns of their steps.
#pragma once

#include "unspool/graph.hpp"

namespace unspool::detail {

struct Passes {
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  std::vector<std::uint32_t> of_node;  ///< of nodes of a step that are drawn; else none
  std::vector<int> direction;          ///< of each pass: 1, or -1 where time runs backwards
  std::vector<std::uint32_t> block;    ///< of each pass, ascending; a further block stands to the right
};

/// `drawn_as` is Placement's.
Passes find_passes(const Graph& drawn, const std::vector<std::uint32_t>& drawn_as);

}  // namespace unspool::detail
