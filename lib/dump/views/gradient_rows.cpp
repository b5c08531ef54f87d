#include "dump/views/gradient_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "dump/attr_text.hpp"

namespace unspool::detail {
namespace {

bool is_activation(std::string_view op) {
  for (const char* known : {"sigmoid", "tanh", "relu", "hardsigmoid", "hardtanh", "softsign", "elu"})
    if (op == known) return true;
  return false;
}

class RowFinder {
 public:
  RowFinder(const Graph& graph, const Placement& placement, const std::vector<Role>& roles)
      : graph_(graph), p_(placement), roles_(roles), cells_(static_cast<std::uint32_t>(placement.cells.size())) {}

  std::vector<GradientRow> run() {
    const Groups members = group(p_.cell, cells_);
    for (std::uint32_t c = 0; c < cells_; ++c)
      if (p_.cells[c].is_column()) column(c, members.of(c));
    mark_cuts();
    std::vector<GradientRow> found;
    for (auto& [key, row] : rows_) found.push_back(std::move(row));
    return found;
  }

 private:
  void column(std::uint32_t c, std::span<const std::uint32_t> members) {
    // What leads to a state inside the column, from the last to the first.
    std::vector<std::uint32_t> core;
    for (std::size_t k = members.size(); k-- > 0;) {
      const std::uint32_t i = members[k];
      if (roles_[i] == Role::loss) continue;
      const bool state = roles_[i] == Role::state;
      if (!state && !in_core_.contains(i)) continue;
      core.push_back(i);
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i]))
        if (const std::uint32_t from = p_.drawn_as[input]; p_.cell[from] == c) in_core_[from] = true;
    }
    in_core_.clear();
    std::map<std::uint32_t, std::vector<std::uint32_t>> states, gates;  // by scope, last first
    for (const std::uint32_t i : core) {
      const GraphNode& n = graph_.nodes[i];
      if (roles_[i] == Role::state)
        states[n.scope].push_back(i);
      else if (n.input_count > 0 && is_activation(graph_.op_name(n)))
        gates[n.scope].push_back(i);
    }
    for (const auto& [scope, list] : states) name_states(c, scope, list);
    for (const auto& [scope, list] : gates) name_gates(c, scope, list);
  }

  void name_states(std::uint32_t c, std::uint32_t scope, const std::vector<std::uint32_t>& list) {
    for (std::size_t k = 0; k < list.size(); ++k) {
      std::string name = fmt::format("state {}", list.size() - k);
      if (list.size() <= 2) name = k == 0 ? "h" : "c";
      // A fused cell makes both in one value.
      if (graph_.op_name(graph_.nodes[list[k]]).starts_with("lstm_cell")) name = "h, c";
      put(c, scope, static_cast<int>(k), name, list[k]);
      state_name_[list[k]] = name;
    }
  }

  // Gates that are cut from one product are ordered by where they were cut.
  void name_gates(std::uint32_t c, std::uint32_t scope, std::vector<std::uint32_t> list) {
    std::sort(list.begin(), list.end());
    std::map<std::uint32_t, std::vector<std::pair<std::int64_t, std::uint32_t>>> by_source;
    std::map<std::uint32_t, std::string> name;
    for (const std::uint32_t i : list) {
      const std::uint32_t from = graph_.inputs_of(graph_.nodes[i])[0];
      const GraphNode& cut = graph_.nodes[from];
      if (cut.input_count == 0 || (graph_.op_name(cut) != "slice" && graph_.op_name(cut) != "select")) continue;
      std::int64_t at = from;
      for (const Attribute& a : attributes(graph_, cut))
        if (a.name == "begin" || a.name == "index") at = a.words[0];
      by_source[graph_.inputs_of(cut)[0]].push_back({at, i});
    }
    for (auto& [source, cuts] : by_source) {
      std::sort(cuts.begin(), cuts.end());
      const char* letters = cuts.size() == 4 ? "ifgo" : cuts.size() == 3 ? "rzn" : cuts.size() == 2 ? "rz" : "";
      for (std::size_t k = 0; letters[0] != '\0' && k < cuts.size(); ++k)
        name[cuts[k].second] = fmt::format("gate {}", letters[k]);
    }
    for (std::size_t k = 0; k < list.size(); ++k) {
      const bool known = name.contains(list[k]);
      put(c, scope, (known ? 100 : 200) + static_cast<int>(k), known ? name[list[k]] : other_name(list[k], k), list[k]);
    }
  }

  std::string other_name(std::uint32_t node, std::size_t k) const {
    const std::string& op = graph_.op_name(graph_.nodes[node]);
    const auto state = state_name_.find(p_.drawn_as[graph_.inputs_of(graph_.nodes[node])[0]]);
    return state == state_name_.end() ? fmt::format("{} {}", op, k + 1) : fmt::format("{}({})", op, state->second);
  }

  void put(std::uint32_t c, std::uint32_t scope, int order, const std::string& name, std::uint32_t node) {
    GradientRow& row = rows_[{scope, order, name}];
    if (row.node.empty()) {
      row.scope = graph_.texts[scope];
      row.name = name;
      row.node.assign(cells_, Placement::nowhere);
      row.cut.assign(cells_, 0);
    }
    row.node[c] = node;
  }

  // A state that another column reads only through ops without derivative.
  void mark_cuts() {
    std::vector<std::uint8_t> severed(graph_.nodes.size(), 0);
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      const GraphNode& n = graph_.nodes[i];
      if (!n.has(GraphNode::severed) || n.has(GraphNode::needs_grad)) continue;
      for (const std::uint32_t input : graph_.inputs_of(n)) {
        const std::uint32_t from = p_.drawn_as[input];
        if (graph_.nodes[from].has(GraphNode::needs_grad)) severed[from] = 1;
      }
    }
    for (auto& [key, row] : rows_)
      for (std::uint32_t c = 0; c < cells_; ++c)
        if (row.node[c] != Placement::nowhere && severed[row.node[c]] != 0) row.cut[c] = 1;
  }

  const Graph& graph_;
  const Placement& p_;
  const std::vector<Role>& roles_;
  std::uint32_t cells_;
  std::map<std::uint32_t, bool> in_core_;
  std::map<std::uint32_t, std::string> state_name_;
  std::map<std::tuple<std::uint32_t, int, std::string>, GradientRow> rows_;
};

}  // namespace

std::vector<GradientRow> gradient_rows(const Graph& graph, const Placement& placement, const std::vector<Role>& roles) {
  return RowFinder(graph, placement, roles).run();
}

}  // namespace unspool::detail
