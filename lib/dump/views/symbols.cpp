#include "dump/views/symbols.hpp"

#include <algorithm>
#include <map>

namespace unspool::detail {
namespace {

class SymbolFinder {
 public:
  SymbolFinder(const Graph& graph, const Placement& placement, const std::vector<Role>& roles, const Frame& frame)
      : graph_(graph), p_(placement), roles_(roles), frame_(frame), symbol_(graph.nodes.size(), 0) {}

  std::vector<char> run() {
    std::vector<std::uint32_t> lowest(p_.cells.size(), nobody);                            // row of the lowest state
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint32_t>> states;  // by cell and scope
    for_each([&](std::uint32_t i) {
      if (roles_[i] != Role::state) return;
      const std::uint32_t c = p_.cell[i];
      lowest[c] = std::min(lowest[c], frame_.layout().row[i]);
      states[{c, graph_.nodes[i].scope}].push_back(i);
    });
    for (const auto& [where, list] : states)
      for (const std::uint32_t i : list) symbol_[i] = list.size() == 2 && i == list[0] ? 'c' : 'h';
    for_each([&](std::uint32_t i) {
      const std::uint32_t state = lowest[p_.cell[i]];
      if (roles_[i] == Role::input && state != nobody && frame_.layout().row[i] < state) symbol_[i] = 'x';
      if (roles_[i] == Role::loss && !sums_up(i)) name_loss(i);
    });
    return std::move(symbol_);
  }

 private:
  static constexpr std::uint32_t nobody = ~0u;

  template <class F>
  void for_each(F f) const {
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (frame_.visible(i) && p_.in_column(i)) f(i);
  }

  bool sums_up(std::uint32_t i) const {
    for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i]))
      if (roles_[p_.drawn_as[input]] == Role::loss) return true;
    return false;
  }

  // What a loss compares: an output, which gradient flows back to, and a target.
  void name_loss(std::uint32_t i) {
    symbol_[i] = 'L';
    for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) {
      const std::uint32_t from = p_.drawn_as[input];
      if (!p_.in_cell(from) || p_.cell[from] != p_.cell[i] || symbol_[from] != 0) continue;
      const bool source = roles_[from] == Role::input || roles_[from] == Role::constant;
      if (source || roles_[from] == Role::op) symbol_[from] = source ? 'y' : 'o';
    }
  }

  const Graph& graph_;
  const Placement& p_;
  const std::vector<Role>& roles_;
  const Frame& frame_;
  std::vector<char> symbol_;
};

}  // namespace

std::vector<char> find_symbols(const Graph& graph, const Placement& placement, const std::vector<Role>& roles,
                               const Frame& frame) {
  return SymbolFinder(graph, placement, roles, frame).run();
}

}  // namespace unspool::detail
