#include "dump/views/one_step.hpp"

#include <algorithm>
#include <map>

namespace unspool::detail {
namespace {

constexpr std::uint32_t none = Placement::nowhere;

class StepFinder {
 public:
  explicit StepFinder(const Graph& graph)
      : graph_(graph),
        p_(place(graph)),
        roles_(find_roles(graph, p_)),
        members_(group(p_.cell, static_cast<std::uint32_t>(p_.cells.size()))) {}

  OneStep run() {
    choose();
    if (like_.empty()) return std::move(out_);
    out_.found = true;
    out_.steps = static_cast<std::int64_t>(like_.size());
    position_.assign(graph_.nodes.size(), none);
    for (std::uint32_t c = 0; c < p_.cells.size(); ++c)
      for (std::uint32_t k = 0; k < members_.of(c).size(); ++k) position_[members_.of(c)[k]] = k;
    out_.graph.scalar = graph_.scalar;
    out_.graph.ops = graph_.ops;
    out_.graph.texts = graph_.texts;
    add_parameters();
    // One in the middle: initial states and last losses are the ends' affairs.
    step_ = like_[like_.size() / 2];
    add_nodes();
    add_back_edges();
    return std::move(out_);
  }

 private:
  // Steps are alike whose nodes are, whatever they are called; the most frequent kind is drawn.
  void choose() {
    std::map<std::vector<std::uint64_t>, std::vector<std::uint32_t>> kinds;
    for (std::uint32_t c = 0; c < p_.cells.size(); ++c) {
      if (!p_.cells[c].is_column()) continue;
      ++out_.all_steps;
      std::vector<std::uint64_t> kind;
      for (const std::uint32_t i : members_.of(c)) {
        const GraphNode& n = graph_.nodes[i];
        kind.push_back(std::uint64_t{n.op} << 32 | n.input_count);
        for (const std::int64_t extent : graph_.extents_of(n)) kind.push_back(static_cast<std::uint64_t>(extent));
      }
      kinds[kind].push_back(c);
    }
    for (const auto& [kind, cells] : kinds)
      if (cells.size() > like_.size()) like_ = cells;
    std::vector<std::uint8_t> alike(p_.cells.size(), 0);
    for (const std::uint32_t c : like_) alike[c] = 1;
    for (std::uint32_t c = 0; c < p_.cells.size(); ++c) {
      if (!p_.cells[c].is_column() || alike[c] != 0) continue;
      const std::int64_t nodes = static_cast<std::int64_t>(members_.of(c).size());
      auto& list = out_.exceptions;
      if (!list.empty() && list.back().nodes == nodes && list.back().last + 1 == p_.cells[c].step)
        list.back().last = p_.cells[c].step;
      else
        list.push_back({p_.cells[c].step, p_.cells[c].step, nodes});
    }
  }

  void add_parameters() {
    for (const GraphParameter& p : graph_.parameters) {
      const std::uint32_t at = append(p.node, {}, Role::op);
      out_.graph.nodes[at].parameter_index = static_cast<std::int32_t>(out_.graph.parameters.size());
      out_.graph.parameters.push_back(p);
      out_.graph.parameters.back().node = at;
    }
  }

  // The step's own nodes, the bars that read it with what they lead to, and what any of these reads outside the steps.
  std::vector<std::uint8_t> find_wanted() const {
    std::vector<std::uint8_t> wanted(graph_.nodes.size(), 0);
    for (const std::uint32_t i : members_.of(step_)) wanted[i] = 1;
    const auto bar = [&](std::uint32_t i) { return p_.cell[i] == Placement::bar; };
    for (std::uint32_t i = 0; i < wanted.size(); ++i)
      if (p_.is_drawn(i) && !p_.in_column(i))
        for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i]))
          if (const std::uint32_t from = p_.drawn_as[input]; wanted[from] != 0 && (bar(i) || bar(from))) wanted[i] = 1;
    for (std::size_t i = wanted.size(); i-- > 0;)
      if (wanted[i] != 0)
        for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i]))
          if (const std::uint32_t from = p_.drawn_as[input]; p_.is_drawn(from) && !p_.in_column(from)) wanted[from] = 1;
    return wanted;
  }

  void add_nodes() {
    const std::vector<std::uint8_t> wanted = find_wanted();
    for (std::uint32_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] == 0) continue;
      std::vector<std::uint32_t> inputs;
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i]))
        if (const auto at = local_.find(p_.drawn_as[input]); at != local_.end()) inputs.push_back(at->second);
      const bool member = p_.cell[i] == step_;
      const bool source = !member && inputs.empty();
      const std::uint32_t at = append(i, inputs, !source || roles_[i] == Role::constant ? roles_[i] : Role::input);
      if (!member) continue;
      for (const std::uint32_t c : like_) out_.twins[at].push_back(members_.of(c)[position_[i]]);
    }
  }

  void add_back_edges() {
    for (const std::uint32_t i : members_.of(step_))
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) {
        const std::uint32_t from = p_.drawn_as[input];
        if (!p_.in_column(from) || p_.cell[from] == step_) continue;
        const auto here = members_.of(step_);
        const std::uint32_t k = position_[from];
        if (k >= here.size() || graph_.nodes[here[k]].op != graph_.nodes[from].op) continue;
        const std::int64_t delay = p_.cells[step_].step - p_.cells[p_.cell[from]].step;
        const OneStep::BackEdge edge{local_.at(here[k]), local_.at(i), delay};
        const bool known = std::any_of(out_.back.begin(), out_.back.end(), [&](const OneStep::BackEdge& e) {
          return e.from == edge.from && e.to == edge.to && e.delay == edge.delay;
        });
        if (!known) out_.back.push_back(edge);
      }
  }

  std::uint32_t append(std::uint32_t i, const std::vector<std::uint32_t>& inputs, Role role) {
    Graph& g = out_.graph;
    GraphNode n = graph_.nodes[i];
    n.step = n.parameter_index >= 0 ? -1 : 0;
    n.flags &= static_cast<std::uint8_t>(~GraphNode::view);  // what was to be folded is folded
    const auto extents = graph_.extents_of(n);
    n.first_extent = g.extents.size();
    g.extents.insert(g.extents.end(), extents.begin(), extents.end());
    const auto attrs = graph_.attrs_of(n);
    n.first_attr = g.attrs.size();
    g.attrs.insert(g.attrs.end(), attrs.begin(), attrs.end());
    n.first_input = g.inputs.size();
    n.input_count = static_cast<std::uint32_t>(inputs.size());
    g.inputs.insert(g.inputs.end(), inputs.begin(), inputs.end());
    const std::uint32_t at = static_cast<std::uint32_t>(g.nodes.size());
    g.nodes.push_back(n);
    out_.roles.push_back(role);
    out_.twins.emplace_back();
    local_[i] = at;
    return at;
  }

  const Graph& graph_;
  Placement p_;
  std::vector<Role> roles_;
  Groups members_;
  OneStep out_;
  std::vector<std::uint32_t> like_;  // columns
  std::vector<std::uint32_t> position_;
  std::map<std::uint32_t, std::uint32_t> local_;
  std::uint32_t step_ = 0;
};

}  // namespace

OneStep find_one_step(const Graph& drawn) { return StepFinder(drawn).run(); }

}  // namespace unspool::detail
