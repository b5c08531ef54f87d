// Attributes of a node by name and kind, as its op declares them.
#pragma once

#include <bit>

#include "unspool/graph.hpp"

namespace unspool::detail {

struct Attribute {
  enum class Kind : std::uint8_t { integer, boolean, real, list };
  std::string_view name;  // into GraphOp::attrs
  Kind kind = Kind::integer;
  std::span<const std::int64_t> words;  // one, or the list
  double real() const { return std::bit_cast<double>(words[0]); }
};

/// As many as the declaration names and the node has words for.
std::vector<Attribute> attributes(const Graph& graph, const GraphNode& node);

/// How many words a declaration asks for at least; `has_list` says whether more may follow.
std::size_t declared_words(std::string_view declaration, bool& has_list);

/// "axis=1, keepdims=true, ids=[3,1,4,... 96 in all]"; what is false or an empty list is left out.
std::string attrs_text(const std::vector<Attribute>& attributes);

/// Shortest digits that read back to the same double, or the given number of significant ones; "nan" whatever its sign
/// bit, "inf", "-inf".
std::string real_text(double value, int digits = 0);

}  // namespace unspool::detail
