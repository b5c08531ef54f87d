// The modules view: scopes inside scopes, each with its totals.
#include "dump/views/modules.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "dump/views/canvas.hpp"
#include "dump/views/views.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool::detail {
namespace {

constexpr double margin = 28, row = 46, indent = 18, width = 900, bar = 190;

std::string count_text(std::int64_t count, const char* one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

std::string flops_text(std::int64_t flops) {
  const double f = static_cast<double>(flops);
  if (f < 1e3) return fmt::format("{} flops", flops);
  if (f < 1e6) return fmt::format("{:.3g} kflops", f / 1e3);
  return f < 1e9 ? fmt::format("{:.3g} Mflops", f / 1e6) : fmt::format("{:.4g} Gflops", f / 1e9);
}

class ModulesView {
 public:
  ModulesView(const Graph& graph, const GraphStyle& style)
      : style_(style), canvas_(style.theme), modules_(find_modules(graph)) {
    top_ = margin + (style.title.empty() ? 0 : SvgCanvas::title_height);
  }

  std::string run() {
    // A module's box is as high as those inside it: their number is known once all are counted.
    std::vector<std::size_t> inside(modules_.size(), 1);
    for (std::size_t k = modules_.size(); k-- > 0;)
      if (modules_[k].parent >= 0) inside[static_cast<std::size_t>(modules_[k].parent)] += inside[k];
    canvas_.begin(width, top_ + row * static_cast<double>(modules_.size()) + margin, style_.title);
    for (std::size_t k = 0; k < modules_.size(); ++k) draw(k, inside[k]);
    return canvas_.end();
  }

 private:
  void draw(std::size_t k, std::size_t inside) {
    const Theme& t = canvas_.theme();
    const Module& m = modules_[k];
    const double x = margin + indent * m.depth;
    const double y = top_ + row * static_cast<double>(k);
    canvas_.rect(x, y, width - margin - x - 6.0 * m.depth, row * static_cast<double>(inside) - 6,
                 m.depth % 2 == 0 ? t.column : t.paper, t.grid, m.path, 8);
    canvas_.text(x + 12, y + 17, shorten(m.name.empty() ? "(the whole recording)" : m.name, 46), 12.5, t.ink,
                 SvgCanvas::Anchor::start, true);
    std::string words = count_text(m.nodes, "node");
    if (m.steps > 0) words += ", " + count_text(m.steps, "step");
    if (m.parameters > 0)
      words += fmt::format(", {} of {} values", count_text(m.parameters, "parameter"), m.parameter_values);
    canvas_.text(x + 12, y + 32, words, 10.5);
    const double from = width - margin - bar - 150;
    share(from, y + 6, "flops", m.flops, modules_[0].flops, flops_text(m.flops), 0);
    share(from, y + 21, "memory", m.bytes, modules_[0].bytes, bytes_text(m.bytes), 1);
  }

  void share(double x, double y, const char* what, std::int64_t part, std::int64_t all, const std::string& words,
             std::size_t kind) {
    const Theme& t = canvas_.theme();
    const double of = all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
    canvas_.text(x - 8, y + 9, what, 9.5, t.faint, SvgCanvas::Anchor::end);
    canvas_.rect(x, y, bar, 10, t.grid, nullptr, {}, 3);
    if (part > 0) canvas_.rect(x, y, std::max(1.0, bar * of), 10, kind_color(kind), nullptr, {}, 3);
    canvas_.text(x + bar + 8, y + 9, fmt::format("{} ({:.0f} %)", words, 100 * of), 9.5, t.soft);
  }

  const GraphStyle& style_;
  SvgCanvas canvas_;
  std::vector<Module> modules_;
  double top_ = 0;
};

// A scope's path; what is nested deeper than anyone looks belongs to the deepest.
std::string path_of(const std::string& scope) {
  if (scope.empty()) return "";
  std::size_t end = 0;
  for (int depth = 0; depth < 32 && end != std::string::npos; ++depth) end = scope.find('/', end == 0 ? 0 : end + 1);
  return scope.substr(0, end) + "/";
}

}  // namespace

std::vector<Module> find_modules(const Graph& graph) {
  std::map<std::string, Module> by_path;  // a scope sorts before those inside it, since '/' ends its name
  std::map<std::string, std::set<std::int64_t>> steps;
  std::map<std::string, std::set<std::int32_t>> parameters;
  std::vector<std::string> key(graph.texts.size());
  for (std::size_t k = 0; k < key.size(); ++k) key[k] = path_of(graph.texts[k]);
  by_path[""];
  // One entry a scope first; then every scope gives to those around it.
  for (const GraphNode& n : graph.nodes) {
    if (n.parameter_index >= 0) continue;
    Module& m = by_path[key[n.scope]];
    ++m.nodes;
    m.flops += n.flops;
    m.bytes += n.value_bytes + n.saved_bytes;
    if (n.step >= 0) steps[key[n.scope]].insert(n.step);
    for (const std::uint32_t input : graph.inputs_of(n))
      if (graph.nodes[input].parameter_index >= 0) parameters[key[n.scope]].insert(graph.nodes[input].parameter_index);
  }
  std::vector<std::string> paths;
  for (const auto& [path, m] : by_path) paths.push_back(path);
  for (const std::string& path : paths)
    for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1))
      by_path[path.substr(0, at + 1)];
  std::vector<Module> modules;
  std::vector<std::size_t> open;  // the modules around the one at hand
  for (auto& [path, m] : by_path) {
    while (!open.empty() && !path.starts_with(modules[open.back()].path)) open.pop_back();
    m.path = path;
    m.parent = open.empty() ? -1 : static_cast<std::int64_t>(open.back());
    m.depth = static_cast<int>(open.size());
    const std::size_t outer = open.empty() ? 0 : modules[open.back()].path.size();
    m.name = path.empty() ? "" : path.substr(outer, path.size() - 1 - outer);
    open.push_back(modules.size());
    modules.push_back(m);
  }
  for (std::size_t k = modules.size(); k-- > 0;) {
    Module& m = modules[k];
    m.steps = static_cast<std::int64_t>(steps[m.path].size());
    m.parameters = static_cast<std::int64_t>(parameters[m.path].size());
    for (const std::int32_t p : parameters[m.path]) {
      std::int64_t values = 1;
      for (const std::int64_t extent : graph.extents_of(graph.nodes[graph.parameters[p].node])) values *= extent;
      if (__builtin_add_overflow(m.parameter_values, values, &m.parameter_values)) m.parameter_values = INT64_MAX;
    }
    if (m.parent < 0) continue;
    Module& outer = modules[static_cast<std::size_t>(m.parent)];
    outer.nodes += m.nodes;
    outer.flops += m.flops;
    outer.bytes += m.bytes;
    steps[outer.path].insert(steps[m.path].begin(), steps[m.path].end());
    parameters[outer.path].insert(parameters[m.path].begin(), parameters[m.path].end());
  }
  return modules;
}

std::string modules_view(const Graph& graph, const GraphStyle& style) { return ModulesView(graph, style).run(); }

}  // namespace unspool::detail
