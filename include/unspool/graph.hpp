// Graph: a light read-only snapshot of a tape, and the writers that show it as text, JSON, DOT or a picture.
// docs/graph-format.md describes what is written.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "unspool/tape.hpp"

namespace unspool {

/// One recorded value. Texts and lists lie in the Graph: indices into its tables keep a node of a long tape small.
struct GraphNode {
  enum Flag : std::uint8_t {
    view = 1,        ///< lies inside operand 0's memory
    needs_grad = 2,  ///< a parameter or variable leads here
    parameter = 4,   ///< the leaf of a parameter; `parameter_index` says which
    severed = 8,     ///< an op without derivative cut the gradient off on the way here
  };

  std::uint32_t op = 0;            ///< into Graph::ops
  std::uint32_t scope = 0;         ///< into Graph::texts: "encoder/lstm.0"
  std::uint32_t file = 0;          ///< into Graph::texts: the source file's name without folders
  std::uint32_t line = 0;          ///< 0: unknown
  std::int64_t step = -1;          ///< -1: recorded outside every step
  std::uint64_t first_input = 0;   ///< into Graph::inputs
  std::uint64_t first_extent = 0;  ///< into Graph::extents
  std::uint64_t first_attr = 0;    ///< into Graph::attrs
  std::uint32_t input_count = 0;
  std::uint32_t attr_count = 0;
  std::int32_t parameter_index = -1;  ///< into Graph::parameters
  std::uint8_t rank = 0;
  std::uint8_t flags = 0;
  std::int64_t value_bytes = 0;  ///< 0 for a view
  std::int64_t saved_bytes = 0;  ///< what the rule keeps beside the value for backward
  std::int64_t flops = 0;        ///< of the forward computation
  double gradient_norm = -1;     ///< of d(loss)/d(this); negative: not known

  bool has(Flag flag) const { return (flags & flag) != 0; }
};

/// What recording a node and walking back through it took; docs/graph-format.md, "Memory", has the clock.
struct GraphMemory {
  static constexpr std::uint32_t never = ~std::uint32_t{0};
  std::int64_t arena_bytes = 0;          ///< by which recording the node moved the arena
  std::int64_t gradient_bytes = 0;       ///< of the gradient's buffer; 0: none, or inside another's
  std::int64_t scratch_bytes = 0;        ///< during the node's backward visit only
  std::int64_t held_bytes = 0;           ///< from its visit to the next flush of queued products
  std::int64_t flush_bytes = 0;          ///< during a flush right before its visit only
  std::uint32_t gradient_born = never;   ///< node in whose visit the buffer was taken
  std::uint32_t gradient_freed = never;  ///< and given back
  std::uint32_t held_freed = never;
  bool operator==(const GraphMemory&) const = default;
};

/// Statistics of a value's elements. Those of no finite element are NaN.
struct GraphValues {
  double min = 0;
  double max = 0;
  double mean = 0;
  std::int64_t nonfinite = 0;  ///< how many elements are NaN or infinite
};

struct GraphOp {
  std::string name;
  std::string attrs;  ///< names and kinds of its attributes, as in OpInfo::attrs
  bool operator==(const GraphOp&) const = default;
};

/// A parameter's gradient split by step. Empty where the tape kept no ledger.
struct GraphSeries {
  std::vector<std::int64_t> steps;   ///< ascending
  std::vector<double> norm;          ///< of the step's contribution
  std::vector<double> dot;           ///< of the contribution with the whole gradient
  std::vector<double> running_norm;  ///< of the sum from the last step down to this one
  bool operator==(const GraphSeries&) const = default;
};

struct GraphParameter {
  std::string name;
  std::uint32_t node = 0;
  bool trainable = true;
  double gradient_norm = -1;  ///< of the sum over all steps; negative: backward() has not run
  GraphSeries series = {};
};

/// The snapshot: nodes in recording order, so that a node's inputs precede it. Plain data; it outlives the tape.
struct Graph {
  ScalarType scalar = ScalarType::float32;
  std::vector<GraphNode> nodes;
  std::vector<GraphOp> ops;
  std::vector<GraphParameter> parameters;  ///< in the order the tape met them
  std::vector<std::string> texts;          ///< scopes and file names; texts[0] is empty
  std::vector<std::uint32_t> inputs;
  std::vector<std::int64_t> extents;
  std::vector<std::int64_t> attrs;       ///< 64-bit words, reals bit-cast, a list last
  std::vector<GraphMemory> memory;       ///< of each node, or empty
  std::vector<GraphValues> values;       ///< of each node, or empty
  std::int64_t loss = -1;                ///< the node that backward() started from; -1: it has not run
  bool walk_known = false;               ///< memory holds the backward visits, not only the arena
  std::int64_t arena_bytes = 0;          ///< TapeStats::value_bytes
  std::int64_t gradient_bytes_peak = 0;  ///< TapeStats::gradient_bytes_peak

  const std::string& op_name(const GraphNode& n) const { return ops[n.op].name; }
  const std::string& scope_of(const GraphNode& n) const { return texts[n.scope]; }
  const std::string& file_of(const GraphNode& n) const { return texts[n.file]; }
  std::span<const std::uint32_t> inputs_of(const GraphNode& n) const {
    return std::span(inputs).subspan(n.first_input, n.input_count);
  }
  std::span<const std::int64_t> extents_of(const GraphNode& n) const {
    return std::span(extents).subspan(n.first_extent, n.rank);
  }
  std::span<const std::int64_t> attrs_of(const GraphNode& n) const {
    return std::span(attrs).subspan(n.first_attr, n.attr_count);
  }
};

enum class GraphFormat : std::uint8_t {
  by_extension,  ///< .txt, .json, .dot, .svg or .html
  text,          ///< a node a line
  json,          ///< the graph file, which read_graph() reads
  dot,           ///< with positions: draw it with `neato -n2`
  svg,           ///< a picture: the view that the style names
  html           ///< a page of its own to look around in
};

/// What a picture shows.
enum class GraphView : std::uint8_t {
  unrolled,  ///< every step beside the other; long sequences folded
  folded,    ///< one step, what it hands to the next as back edges
  modules,   ///< scopes inside scopes with their totals
  memory,    ///< what is alive over the forward and the backward pass
  gradient,  ///< heat map of gradient norms, rows by what is computed, columns by step
  parameter  ///< the steps' contributions to shared parameters' gradients
};

enum class GraphTheme : std::uint8_t {
  automatic,  ///< the page follows the system, pictures are light
  light,
  dark,
  print
};

/// What a node's fill means.
enum class GraphColor : std::uint8_t { op, gradnorm, bytes, flops, none };

enum class GraphPhase : std::uint8_t {
  forward,   ///< arrows from operands to results
  backward,  ///< arrows the other way, as wide as the gradient that flows
  both
};

/// How parameters are drawn.
enum class ParameterStyle : std::uint8_t {
  automatic,  ///< DOT: nodes while they are few, badges beyond; SVG: badges
  badges,     ///< a mark on every node that reads the parameter
  nodes,      ///< a node of its own with an edge to every reader
  lane        ///< SVG: a line below the steps with a tap at every reader
};

struct GraphStyle {
  std::string title = {};  ///< above the picture; empty: none
  GraphView view = GraphView::unrolled;
  GraphTheme theme = GraphTheme::automatic;
  GraphColor color = GraphColor::op;
  GraphPhase phase = GraphPhase::forward;
  std::string steps = {};      ///< "0:8,-4:": those steps are drawn, the others folded; empty: first and last ones
  std::string scope = {};      ///< a regular expression: only nodes whose scope it is found in; empty: all
  std::int64_t max_nodes = 0;  ///< fold so many steps that no more nodes than this are drawn; 0: no limit
  ParameterStyle parameters = ParameterStyle::automatic;
  bool fold_views = true;  ///< draw reshapes and slices as a part of the edge
  int first_steps = 3;     ///< SVG: of a long sequence, these many steps and ...
  int last_steps = 2;      ///< ... these many are drawn, the others folded
};

/// Per-step total of the gradients that arrive at some of a step's nodes: which nodes, see StepSelect.
struct StepGradient {
  std::int64_t step = 0;
  double norm = 0;         ///< root of the sum of the squared norms
  std::int64_t nodes = 0;  ///< that were counted
};

struct StepSelect {
  std::string op = {};     ///< only this op's nodes; empty: any
  std::string scope = {};  ///< only nodes in this scope or one inside it; empty: any
  /// Only what a step hands on to another one, hidden states and cells, and the same nodes of the last step; not a sum
  /// of losses.
  bool carried = true;
};

struct CaptureOptions {
  bool values = true;  ///< look at the values' elements: Graph::values
};

namespace detail {
UNSPOOL_API Graph capture(const TapeCore& tape, const CaptureOptions& options);
}

/// Snapshots a tape: O(nodes), and a pass over all values for their statistics. Gradient norms and the memory of the
/// walk are there after backward() on a tape with keep_gradient_norms.
template <Scalar T>
Graph capture(const Tape<T>& tape, const CaptureOptions& options = {}) {
  return detail::capture(*tape.core(), options);
}

/// Reads a graph file. Holds no more than the file's size and 1 MiB until the whole file has been checked. Throws
/// file_open; file_format, with the offset and the rule, for a file that breaks docs/graph-format.md or has more than
/// `max_nodes` nodes; unsupported for another version.
UNSPOOL_API Graph read_graph(const std::string& path, std::int64_t max_nodes = 1 << 22);
/// The same for a file that is in memory; `name` stands for it in errors.
UNSPOOL_API Graph parse_graph(std::string_view text, const std::string& name = "the graph",
                              std::int64_t max_nodes = 1 << 22);

/// A node a line, as docs/graph-tool.md shows it; for reading and for comparing two recordings.
UNSPOOL_API std::string graph_text(const Graph& graph);
/// The graph file; the style says what a page shows first.
UNSPOOL_API std::string graph_json(const Graph& graph, const GraphStyle& style = {});
/// Graphviz's language, with positions, so that `neato -n2` draws it as it is laid out here.
UNSPOOL_API std::string graph_dot(const Graph& graph, const GraphStyle& style = {});
/// A picture, the view that the style names. Throws bad_argument for steps or scopes that cannot be read.
UNSPOOL_API std::string graph_svg(const Graph& graph, const GraphStyle& style = {});

/// A page that needs nothing else: no network, no other file.
UNSPOOL_API std::string graph_html(const Graph& graph, const GraphStyle& style = {});

/// Writes a graph in the format that the path's extension names. The file is replaced whole or not at all. Throws
/// bad_argument for an unknown extension, file_write.
UNSPOOL_API void write_graph(const Graph& graph, const std::string& path,
                             GraphFormat format = GraphFormat::by_extension, const GraphStyle& style = {});
template <Scalar T>
void write_graph(const Tape<T>& tape, const std::string& path, GraphFormat format = GraphFormat::by_extension,
                 const GraphStyle& style = {}) {
  write_graph(detail::capture(*tape.core(), {}), path, format, style);
}

/// Writes a text: the file is replaced whole or not at all. Throws file_write.
UNSPOOL_API void write_text(const std::string& path, std::string_view text);

/// "axis=1, keepdims=true"; what is false is left out, and a long list is cut short and followed by its length.
UNSPOOL_API std::string attrs_text(const Graph& graph, const GraphNode& node);

/// Checks that tables and nodes agree, that inputs precede the node that reads them, and that every library op's rule
/// infers the recorded shape. Ops of the user's own are not in the library's table and are taken as they are. Throws
/// verify_failed with the first node that is wrong.
UNSPOOL_API void verify(const Graph& graph);

/// The gradient norm that arrives at each step, in order of the steps: how far back in time the loss is felt. Steps in
/// which nothing was selected, or nothing's norm is known, are left out.
UNSPOOL_API std::vector<StepGradient> gradient_by_step(const Graph& graph, const StepSelect& select = {});

}  // namespace unspool
