#include "dump/drawn.hpp"

#include <algorithm>
#include <optional>

namespace unspool::detail {
namespace {

constexpr std::uint32_t none = ~std::uint32_t{0};
constexpr std::size_t most_edges = 4;  // from each step of a buffer, on average; beyond that it is a node of its own

std::int64_t size_of(const Graph& graph, std::uint32_t node) {
  std::int64_t size = 1;
  for (const std::int64_t extent : graph.extents_of(graph.nodes[node])) size *= extent;
  return size;
}

// A stretch of a buffer's elements.
struct Part {
  std::uint32_t buffer = none;
  std::int64_t first = 0, count = 0;
};

// A step of a layer, as its attributes and operands say: xg, buffers, the step before or a buffer, initial states,
// weight, bias.
struct Step {
  std::uint32_t last = 0;    // which operand is the step before
  bool from_initial = true;  // some of its rows begin at the initial state
  Part filled;
};

class Buffers {
 public:
  explicit Buffers(const Graph& graph) : graph_(graph) {
    const std::uint32_t count = static_cast<std::uint32_t>(graph.nodes.size());
    for (const GraphOp& op : graph.ops) step_ops_ |= is_step(op);
    if (!step_ops_) return;
    index_.assign(count, none);
    filled_.assign(count, 0);
    for (std::uint32_t i = 0; i < count; ++i)
      if (is_step(graph.ops[graph.nodes[i].op]))
        if (const std::optional<Step> step = read_step(i)) add_step(i, *step);
    find_done();
    for (std::vector<std::uint32_t>& steps : steps_of_)
      std::sort(steps.begin(), steps.end(),
                [&](auto a, auto b) { return step(a).filled.first < step(b).filled.first; });
  }

  bool empty() const { return steps_.empty(); }
  bool is_step(std::uint32_t node) const { return index_[node] != none; }
  bool is_buffer(std::uint32_t node) const { return filled_[node] != 0; }
  const Step& step(std::uint32_t node) const { return steps_[index_[node]]; }
  /// All rows of a buffer once its last step has filled them.
  bool is_done(std::uint32_t node) const {
    const std::span<const std::uint32_t> inputs = graph_.inputs_of(graph_.nodes[node]);
    return !inputs.empty() && is_buffer(inputs[0]) && done_[filled_[inputs[0]] - 1] == node;
  }
  std::span<const std::uint32_t> steps_of(std::uint32_t buffer) const { return steps_of_[filled_[buffer] - 1]; }
  /// The steps that filled any of these elements, in the order of the rows.
  std::span<const std::uint32_t> fillers(const Part& part) const {
    const std::span<const std::uint32_t> all = steps_of(part.buffer);
    const auto ends_before = [&](std::uint32_t i, std::int64_t at) {
      return step(i).filled.first + step(i).filled.count <= at;
    };
    const auto begins_before = [&](std::uint32_t i, std::int64_t at) { return step(i).filled.first < at; };
    const auto first = std::lower_bound(all.begin(), all.end(), part.first, ends_before);
    return {first, std::lower_bound(first, all.end(), part.first + part.count, begins_before)};
  }

 private:
  static bool is_step(const GraphOp& op) {
    return op.attrs.starts_with("first:int, rows:int, before:int, carried:int");
  }

  void find_done() {
    done_.assign(steps_of_.size(), none);
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      const std::span<const std::uint32_t> inputs = graph_.inputs_of(graph_.nodes[i]);
      if (inputs.size() != 2 || !is_buffer(inputs[0]) || !is_step(inputs[1])) continue;
      std::uint32_t& done = done_[filled_[inputs[0]] - 1];
      if (done == none && size_of(graph_, i) == size_of(graph_, inputs[0])) done = i;
    }
  }

  std::optional<Step> read_step(std::uint32_t i) const {
    const GraphNode& n = graph_.nodes[i];
    const std::span<const std::uint32_t> inputs = graph_.inputs_of(n);
    const std::span<const std::int64_t> attrs = graph_.attrs_of(n);
    if (inputs.size() < 5 || attrs.size() < 4 || n.rank != 2) return std::nullopt;
    Step step;
    for (step.last = 2; step.last + 2 < inputs.size(); ++step.last)
      if (const std::uint32_t from = inputs[step.last]; from == inputs[1] || is_step(from)) break;
    const std::span<const std::int64_t> buffer = graph_.extents_of(graph_.nodes[inputs[1]]);
    const std::int64_t first = attrs[0], rows = attrs[1], width = graph_.extents_of(n)[1];
    const bool fits = buffer.size() == 2 && buffer[1] == width && first >= 0 && rows >= 0 && rows <= buffer[0] &&
                      first <= buffer[0] - rows;
    if (step.last + 2 >= inputs.size() || !fits) return std::nullopt;
    step.from_initial = attrs[3] < rows;
    step.filled = {inputs[1], first * width, rows * width};
    return step;
  }

  void add_step(std::uint32_t i, const Step& step) {
    index_[i] = static_cast<std::uint32_t>(steps_.size());
    steps_.push_back(step);
    const std::span<const std::uint32_t> inputs = graph_.inputs_of(graph_.nodes[i]);
    for (std::uint32_t k = 1; k < step.last; ++k) {
      if (filled_[inputs[k]] == 0) {
        steps_of_.emplace_back();
        filled_[inputs[k]] = static_cast<std::uint32_t>(steps_of_.size());
      }
      steps_of_[filled_[inputs[k]] - 1].push_back(i);
    }
  }

  const Graph& graph_;
  bool step_ops_ = false;
  std::vector<std::uint32_t> index_;   // of each node: into steps_
  std::vector<std::uint32_t> filled_;  // of each node: 1 + into steps_of_; 0: no buffer
  std::vector<Step> steps_;
  std::vector<std::vector<std::uint32_t>> steps_of_;
  std::vector<std::uint32_t> done_;  // of each buffer
};

// Gives readers of buffers the steps in their place.
class Rewire {
 public:
  Rewire(Graph& graph, const Buffers& buffers, const std::vector<std::uint8_t>& read)
      : graph_(graph),
        buffers_(buffers),
        read_(read),
        part_(graph.nodes.size()),
        node_of_its_own_(graph.nodes.size()) {}

  void run() {
    const std::uint32_t count = static_cast<std::uint32_t>(graph_.nodes.size());
    for (std::uint32_t i = 0; i < count; ++i) part_[i] = part_of(i);
    find_nodes_of_their_own();
    std::vector<std::uint32_t> all;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::size_t first = all.size();
      read_again(i, all);
      graph_.nodes[i].first_input = first;
      graph_.nodes[i].input_count = static_cast<std::uint32_t>(all.size() - first);
    }
    graph_.inputs = std::move(all);
  }

 private:
  void find_nodes_of_their_own() {
    std::vector<std::size_t> edges(part_.size(), 0);
    const auto count = [&](std::uint32_t reader, const Part& p) {
      if (!several(p)) return;
      edges[p.buffer] += buffers_.fillers(p).size();
      if (graph_.nodes[reader].step >= 0 || edges[p.buffer] > most(p.buffer)) node_of_its_own_[p.buffer] = 1;
    };
    for (std::uint32_t i = 0; i < part_.size(); ++i) {
      if (part_[i].buffer != none) {
        if (read_[i] == 0 && !buffers_.is_done(i)) count(i, part_[i]);  // a view that nothing reads is drawn
        continue;
      }
      for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i]))
        if (part_[input].buffer != none) count(i, part_[input]);
    }
  }
  std::size_t most(std::uint32_t buffer) const { return most_edges * buffers_.steps_of(buffer).size(); }
  bool several(const Part& part) const { return buffers_.fillers(part).size() > 1; }

  // The finished buffer, and views of it, by what of it they look at: what cannot be told looks at all of it.
  Part part_of(std::uint32_t i) const {
    const GraphNode& n = graph_.nodes[i];
    const std::span<const std::uint32_t> inputs = graph_.inputs_of(n);
    if (buffers_.is_done(i)) return {inputs[0], 0, size_of(graph_, i)};
    if (!n.has(GraphNode::view) || inputs.empty() || part_[inputs[0]].buffer == none) return {};
    Part part = part_[inputs[0]];
    const std::span<const std::int64_t> from = graph_.extents_of(graph_.nodes[inputs[0]]);
    const std::span<const std::int64_t> attrs = graph_.attrs_of(n);
    const std::string& names = graph_.ops[n.op].attrs;
    const bool slice = names == "axis:int, begin:int, end:int", select = names == "axis:int, index:int";
    if ((!slice && !select) || attrs.size() < 2 || attrs[0] != 0 || from.empty() || from[0] <= 0) return part;
    const std::int64_t last = select ? attrs[1] + 1 : attrs.size() < 3 ? from[0] : attrs[2];
    if (attrs[1] < 0 || last > from[0] || attrs[1] >= last) return part;
    const std::int64_t row = part.count / from[0];
    return {part.buffer, part.first + attrs[1] * row, (last - attrs[1]) * row};
  }

  void read_again(std::uint32_t i, std::vector<std::uint32_t>& all) {
    GraphNode& n = graph_.nodes[i];
    const std::span<const std::uint32_t> inputs = graph_.inputs_of(n);
    if (buffers_.is_step(i)) return read_of_step(buffers_.step(i), inputs, all);
    if (buffers_.is_buffer(i) && !inputs.empty()) {
      n.flags |= GraphNode::view;
      return all.push_back(inputs[0]);
    }
    const Part part = part_[i];
    if (part.buffer == none) {
      for (const std::uint32_t input : inputs) push(input, all);
      return;
    }
    const std::span<const std::uint32_t> steps = buffers_.fillers(part);
    const bool own = node_of_its_own_[part.buffer] != 0 && several(part);
    const bool part_of_edge = !own && read_[i] != 0 && !steps.empty();
    if (part_of_edge) {
      n.flags |= GraphNode::view;
      all.push_back(steps.back());
    } else if (own && !buffers_.is_done(i)) {
      all.insert(all.end(), inputs.begin(), inputs.end());
    } else {
      n.flags &= static_cast<std::uint8_t>(~GraphNode::view);
      all.insert(all.end(), steps.begin(), steps.end());
    }
  }

  // xg, the state, weight, bias: what the first step reads of the initial state later ones read of their predecessor, in
  // the same places. Rows that begin later read the initial state besides.
  void read_of_step(const Step& step, std::span<const std::uint32_t> inputs, std::vector<std::uint32_t>& all) const {
    const std::span<const std::uint32_t> initial = inputs.subspan(step.last + 1, inputs.size() - 3 - step.last);
    const bool first = buffers_.is_buffer(inputs[step.last]);
    push(inputs[0], all);
    for (const std::uint32_t input : initial) push(first ? input : inputs[step.last], all);
    for (const std::uint32_t input : inputs.last(2)) push(input, all);
    if (!first && step.from_initial)
      for (const std::uint32_t input : initial) push(input, all);
  }

  void push(std::uint32_t input, std::vector<std::uint32_t>& all) const {
    const Part& part = part_[input];
    if (part.buffer == none || (node_of_its_own_[part.buffer] != 0 && several(part))) return all.push_back(input);
    const std::span<const std::uint32_t> steps = buffers_.fillers(part);
    all.insert(all.end(), steps.begin(), steps.end());
  }

  Graph& graph_;
  const Buffers& buffers_;
  const std::vector<std::uint8_t>& read_;
  std::vector<Part> part_;
  std::vector<std::uint8_t> node_of_its_own_;  // of each buffer
};

}  // namespace

Graph as_drawn(Graph graph, bool fold_views) {
  std::vector<std::uint8_t> read(graph.nodes.size(), 0);
  for (const std::uint32_t input : graph.inputs) read[input] = 1;
  if (fold_views)
    if (const Buffers buffers(graph); !buffers.empty()) Rewire(graph, buffers, read).run();
  // A view that nothing reads is drawn: folded, it would vanish.
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (!fold_views || read[i] == 0) graph.nodes[i].flags &= static_cast<std::uint8_t>(~GraphNode::view);
  return graph;
}

std::vector<std::uint8_t> written_by_steps(const Graph& graph) {
  std::vector<std::uint8_t> written(graph.nodes.size(), 0);
  const Buffers buffers(graph);
  if (buffers.empty()) return written;
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    if (buffers.is_buffer(i)) written[i] = 1;
    if (buffers.is_step(i)) written[graph.inputs_of(graph.nodes[i])[0]] = 1;
  }
  return written;
}

}  // namespace unspool::detail
