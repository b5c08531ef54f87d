// NodeFacts: what a query may ask of a node, by key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dump/roles.hpp"

namespace unspool::detail {

class NodeFacts {
 public:
  explicit NodeFacts(const Graph& graph);

  static bool is_text(std::string_view key);
  static bool is_number(std::string_view key);
  /// Texts that a key gives of a node: any of them may match.
  std::vector<std::string> texts(std::string_view key, std::uint32_t node) const;
  /// `known` is false where the node has no such number.
  double number(std::string_view key, std::uint32_t node, bool& known) const;

 private:
  /// Of what the node is or reads: the whole name, and its last part ("weight_hh_l0" of "rnn.weight_hh_l0").
  std::vector<std::string> parameters(std::uint32_t node) const;
  std::string shape(std::uint32_t node) const;

  const Graph& graph_;
  Placement placement_;
  std::vector<Role> roles_;
};

/// Whether a mask, in which * stands for anything, fits all of a text.
bool matches_mask(std::string_view text, std::string_view mask);

}  // namespace unspool::detail
