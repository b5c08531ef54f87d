// What two graphs do not have in common. Nodes are aligned by what they are, with the fewest insertions and deletions
// (Myers, Algorithmica 1, 1986); aligned ones are then compared in what they read and how they fared.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "dump/attr_text.hpp"
#include "dump/roles.hpp"
#include "unspool/graph_analysis.hpp"

namespace unspool {
namespace {

using namespace detail;

constexpr std::uint32_t none = ~std::uint32_t{0};
constexpr std::int64_t most_edits = 2000;  // beyond it the middle is reported as replaced

class Differ {
 public:
  Differ(const Graph& a, const Graph& b, const DiffOptions& options) : a_(a), b_(b), o_(options) {}

  std::vector<std::string> run() {
    if (a_.scalar != b_.scalar) say("~ the scalar is {} and {}", scalar_name(a_.scalar), scalar_name(b_.scalar));
    mark_nodes(a_, marks_a_);
    mark_nodes(b_, marks_b_);
    align();
    report_nodes();
    report_parameters();
    if (lines_.size() > o_.most) {
      const std::size_t more = lines_.size() - o_.most;
      lines_.resize(o_.most);
      lines_.push_back(fmt::format("... and {} more", more));
    }
    return std::move(lines_);
  }

 private:
  template <class... Args>
  void say(fmt::format_string<Args...> text, Args&&... args) {
    lines_.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  // A number for everything that makes a node what it is, but its operands.
  void mark_nodes(const Graph& g, std::vector<std::uint32_t>& marks) {
    for (const GraphNode& n : g.nodes) {
      std::string key =
          fmt::format("{}\n{}\n{}\n{}\n{}\n", g.op_name(n), shape_text(g, n), n.step, g.scope_of(n), n.flags);
      for (const std::int64_t word : g.attrs_of(n)) key += fmt::format("{} ", word);
      if (n.parameter_index >= 0) key += g.parameters[n.parameter_index].name;
      if (o_.lines) key += fmt::format("\n{}:{}", g.file_of(n), n.line);
      marks.push_back(names_.try_emplace(key, static_cast<std::uint32_t>(names_.size())).first->second);
    }
  }

  void align() {
    const std::uint32_t n = static_cast<std::uint32_t>(marks_a_.size()),
                        m = static_cast<std::uint32_t>(marks_b_.size());
    in_b_.assign(n, none);
    std::uint32_t head = 0;
    while (head < n && head < m && marks_a_[head] == marks_b_[head]) in_b_[head] = head, ++head;
    std::uint32_t tail = 0;
    while (tail < n - head && tail < m - head && marks_a_[n - 1 - tail] == marks_b_[m - 1 - tail]) {
      in_b_[n - 1 - tail] = m - 1 - tail;
      ++tail;
    }
    align_middle(head, n - tail, m - tail);
  }

  // Forward greedy search; every front is kept, so its cost is bounded by most_edits.
  void align_middle(std::uint32_t head, std::uint32_t end_a, std::uint32_t end_b) {
    const std::int64_t n = end_a - head, m = end_b - head;
    if (n == 0 || m == 0) return;
    std::vector<std::vector<std::int64_t>> fronts;
    const auto at = [](const std::vector<std::int64_t>& front, std::int64_t d, std::int64_t k) {
      return front[static_cast<std::size_t>(k + d)];
    };
    for (std::int64_t d = 0; d <= std::min(n + m, most_edits); ++d) {
      std::vector<std::int64_t> front(static_cast<std::size_t>(2 * d + 1), 0);
      for (std::int64_t k = -d; k <= d; k += 2) {
        std::int64_t x = 0;
        if (d > 0) {
          const bool down = k == -d || (k != d && at(fronts.back(), d - 1, k - 1) < at(fronts.back(), d - 1, k + 1));
          x = down ? at(fronts.back(), d - 1, k + 1) : at(fronts.back(), d - 1, k - 1) + 1;
        }
        while (x < n && x - k < m && x - k >= 0 &&
               marks_a_[static_cast<std::size_t>(head + x)] == marks_b_[static_cast<std::size_t>(head + x - k)])
          ++x;
        front[static_cast<std::size_t>(k + d)] = x;
        if (x >= n && x - k >= m) {
          fronts.push_back(std::move(front));
          trace_back(fronts, head, n, m);
          return;
        }
      }
      fronts.push_back(std::move(front));
    }
  }

  void trace_back(const std::vector<std::vector<std::int64_t>>& fronts, std::uint32_t head, std::int64_t x,
                  std::int64_t y) {
    for (std::int64_t d = static_cast<std::int64_t>(fronts.size()) - 1; d >= 0; --d) {
      const std::int64_t k = x - y;
      std::int64_t from_x = 0, from_y = 0;
      if (d > 0) {
        const std::vector<std::int64_t>& before = fronts[static_cast<std::size_t>(d - 1)];
        const auto reach = [&](std::int64_t j) { return before[static_cast<std::size_t>(j + d - 1)]; };
        const bool down = k == -d || (k != d && reach(k - 1) < reach(k + 1));
        const std::int64_t from_k = down ? k + 1 : k - 1;
        from_x = reach(from_k);
        from_y = from_x - from_k;
      }
      while (x > from_x && y > from_y) {
        --x, --y;
        in_b_[static_cast<std::size_t>(head + x)] = static_cast<std::uint32_t>(head + y);
      }
      x = from_x;
      y = from_y;
    }
  }

  void report_nodes() {
    std::uint32_t next_b = 0;
    for (std::uint32_t i = 0; i < marks_a_.size(); ++i) {
      if (in_b_[i] == none) {
        say("- {}", node_line(a_, i));
        continue;
      }
      for (; next_b < in_b_[i]; ++next_b) say("+ {}", node_line(b_, next_b));
      next_b = in_b_[i] + 1;
      compare(i, in_b_[i]);
    }
    for (; next_b < marks_b_.size(); ++next_b) say("+ {}", node_line(b_, next_b));
  }

  void compare(std::uint32_t i, std::uint32_t j) {
    const GraphNode &x = a_.nodes[i], &y = b_.nodes[j];
    const auto inputs_a = a_.inputs_of(x), inputs_b = b_.inputs_of(y);
    bool same = inputs_a.size() == inputs_b.size();
    for (std::size_t k = 0; same && k < inputs_a.size(); ++k) same = in_b_[inputs_a[k]] == inputs_b[k];
    if (!same) say("~ {}: operands {} and {}", node_line(a_, i), operands(inputs_a), operands(inputs_b));
    if (x.value_bytes != y.value_bytes || x.saved_bytes != y.saved_bytes || x.flops != y.flops)
      say("~ {}: {} and {}", node_line(a_, i), costs(x), costs(y));
    if (o_.norms && !close(x.gradient_norm, y.gradient_norm))
      say("~ {}: gradient norm {} and {}", node_line(a_, i), norm(x.gradient_norm), norm(y.gradient_norm));
  }

  static std::string operands(std::span<const std::uint32_t> inputs) {
    std::string text;
    for (std::size_t k = 0; k < std::min<std::size_t>(inputs.size(), 8); ++k)
      text += fmt::format("{}%{}", k == 0 ? "" : ", ", inputs[k]);
    return inputs.size() > 8 ? text + fmt::format(", ... {} in all", inputs.size()) : text;
  }
  static std::string costs(const GraphNode& n) {
    return fmt::format("{} bytes, {} saved, {} flops", n.value_bytes, n.saved_bytes, n.flops);
  }
  static std::string norm(double n) { return n < 0 ? "not known" : real_text(n, 6); }

  bool close(double x, double y) const {
    if (x < 0 || y < 0) return x < 0 && y < 0;
    if (!std::isfinite(x) || !std::isfinite(y)) return x == y || (std::isnan(x) && std::isnan(y));
    return std::abs(x - y) <= o_.tolerance * std::max(x, y);
  }

  void report_parameters() {
    const std::size_t common = std::min(a_.parameters.size(), b_.parameters.size());
    for (std::size_t k = 0; k < common; ++k) {
      const GraphParameter &p = a_.parameters[k], &q = b_.parameters[k];
      if (p.name != q.name || !o_.norms) continue;  // another name was reported as another node
      if (!close(p.gradient_norm, q.gradient_norm))
        say("~ parameter {}: gradient norm {} and {}", p.name, norm(p.gradient_norm), norm(q.gradient_norm));
    }
  }

  const Graph& a_;
  const Graph& b_;
  const DiffOptions& o_;
  std::unordered_map<std::string, std::uint32_t> names_;
  std::vector<std::uint32_t> marks_a_, marks_b_;
  std::vector<std::uint32_t> in_b_;  // of a's nodes: the node of b that it is, or none
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> graph_diff(const Graph& a, const Graph& b, const DiffOptions& options) {
  return Differ(a, b, options).run();
}

}  // namespace unspool
