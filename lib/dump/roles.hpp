// Roles: what a node is to the reader of a picture, and how shared parameters are marked.
#pragma once

#include "dump/placement.hpp"

namespace unspool::detail {

enum class Role : std::uint8_t { op, input, constant, state, loss };

std::vector<Role> find_roles(const Graph& drawn, const Placement& placement);
/// The same of a graph as it was recorded.
std::vector<Role> roles_in_time(const Graph& graph);

/// The parameters that a node reads, itself or through folded views, each once, in the order of the operands.
std::vector<std::uint32_t> parameters_of(const Graph& graph, const Placement& placement, std::uint32_t node);

/// How many drawn nodes read each parameter.
std::vector<std::int64_t> parameter_uses(const Graph& graph, const Placement& placement);

/// Fill colour of a parameter's mark, "#rrggbb"; white text is readable on it.
const char* parameter_color(std::uint32_t parameter);

/// As textbooks write it, with an index after the underscore: "rnn.weight_hh_l0" is "W_hh".
std::string parameter_symbol(const std::string& name);

/// A parameter's name where room is short: its last part.
std::string short_name(const std::string& name, std::size_t limit);

/// Everything known about a node, several lines.
std::string describe_node(const Graph& graph, std::uint32_t node);
std::string describe_parameter(const Graph& graph, std::uint32_t parameter, std::int64_t uses);

std::string shape_text(const Graph& graph, const GraphNode& node);

}  // namespace unspool::detail
