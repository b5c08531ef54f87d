// Questions about a graph: totals, how gradients fare over time, who holds memory, what differs, which nodes match. The
// answers are plain data; unspool-graph prints them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "unspool/graph.hpp"

namespace unspool {

/// Totals of a graph.
struct GraphSummary {
  std::int64_t nodes = 0;
  std::int64_t edges = 0;
  std::int64_t views = 0;             ///< nodes without memory of their own
  std::int64_t parameters = 0;        ///< tensors
  std::int64_t parameter_values = 0;  ///< numbers in them
  std::int64_t flops = 0;             ///< of the forward pass
  std::int64_t value_bytes = 0;
  std::int64_t saved_bytes = 0;
  std::int64_t arena_bytes = 0;          ///< the tape's counter; 0: not known
  std::int64_t gradient_bytes_peak = 0;  ///< the pool's counter
  std::int64_t peak_bytes = 0;           ///< of arena and pool together
  std::int64_t steps = 0;                ///< different time steps: T
  std::int64_t period = 0;               ///< nodes of one repetition of the longest run; 0: nothing repeats
  std::int64_t repetitions = 0;
  std::int64_t longest_path = 0;  ///< edges one after another
};
/// Counts what a graph has; linear in its nodes.
UNSPOOL_API GraphSummary summarize(const Graph& graph);

enum class GradientVerdict : std::uint8_t {
  unknown,    ///< no norms, or fewer than three steps
  steady,     ///< from end to end within a factor of 1000
  vanishing,  ///< the oldest step gets less than a thousandth of the newest's gradient
  exploding,  ///< more than a thousand times
  nonfinite   ///< a NaN or an infinity arrives somewhere
};
/// "vanishing" for GradientVerdict::vanishing.
UNSPOOL_API std::string_view verdict_name(GradientVerdict verdict);

/// How the gradient of what one scope hands from step to step fares on its way back.
struct GradientCourse {
  std::string scope;
  std::vector<std::int64_t> steps;  ///< in the order of recording
  std::vector<double> norms;        ///< root of the sum of squares over the states of the step
  double decay = 1;                 ///< factor a step back, fitted to the logarithms of the norms; NaN: fewer than two
  double end_to_end = 1;            ///< the first step's norm by the last one's
  GradientVerdict verdict = GradientVerdict::unknown;
};

/// The first node, in the order in which things were computed, with a NaN or an infinity.
struct FirstNonfinite {
  bool found = false;
  bool backward = false;  ///< in a gradient; else in a value
  std::uint32_t node = 0;
  std::string explanation;  ///< what went in and what came out
};

/// How gradients fare, scope by scope.
struct GradientReport {
  std::vector<GradientCourse> courses;
  GradientVerdict verdict = GradientVerdict::unknown;  ///< the worst
  FirstNonfinite first;
};
/// Of a graph captured after backward() on a tape with keep_gradient_norms; without norms the verdict is unknown.
UNSPOOL_API GradientReport gradient_report(const Graph& graph);

/// A holder of memory: what it is, how much, how many of it.
struct MemoryHolder {
  std::string what;
  std::int64_t bytes = 0;
  std::int64_t count = 0;
};

/// The moment of a forward and backward pass at which most memory is alive, and who holds it. In bytes.
struct MemoryReport {
  std::int64_t peak_bytes = 0;
  std::int64_t peak_tick = 0;  ///< of the clock in docs/graph-format.md
  std::uint32_t peak_node = 0;
  bool peak_in_backward = false;
  bool peak_in_flush = false;  ///< while queued parameter gradients are made
  std::int64_t values = 0, saved = 0, bookkeeping = 0, gradients = 0, scratch = 0;  ///< at the peak
  std::vector<MemoryHolder> holders;  ///< who is alive at the peak, by scope and op, the largest first
};
/// Of a graph whose walk is known, that is captured after backward() with keep_gradient_norms; else of the forward
/// pass.
UNSPOOL_API MemoryReport memory_report(const Graph& graph);

/// What it costs to walk back within a budget: what does not fit is forgotten and computed again, as plan() has it.
struct BudgetReport {
  bool possible = false;
  std::int64_t least_bytes = 0;  ///< below this not even one step and one stored state fit
  std::int64_t steps = 0;
  std::int64_t state_bytes = 0;  ///< handed from a step to the next
  std::int64_t step_bytes = 0;   ///< of one step's recording
  std::int64_t fixed_bytes = 0;  ///< outside the steps, and gradients
  std::int64_t stored_states = 0;
  std::int64_t kept_steps = 0;
  std::int64_t extra_steps = 0;  ///< computed again
  double time_factor = 1;        ///< against keeping everything, with a backward step of two forward ones
};
/// For a budget of so many bytes; see plan.hpp.
UNSPOOL_API BudgetReport budget_report(const Graph& graph, std::int64_t bytes);

struct DiffOptions {
  bool lines = false;         ///< a source line that moved is a difference
  bool norms = true;          ///< gradient norms are compared
  double tolerance = 1e-9;    ///< relative, of norms
  std::size_t most = 10'000;  ///< differences that are listed
};
/// What two graphs do not have in common, a line each: "- ..." is only in `a`, "+ ..." only in `b`, "~ ..." in both and
/// not the same. Empty: none.
UNSPOOL_API std::vector<std::string> graph_diff(const Graph& a, const Graph& b, const DiffOptions& options = {});

/// The nodes that a query selects, in recording order. docs/graph-tool.md has the language: "op=matmul & t=3". Throws
/// bad_argument, with the place, for a query that cannot be read.
UNSPOOL_API std::vector<std::uint32_t> query_graph(const Graph& graph, std::string_view query);

/// The graph with the nodes alone whose scope the regular expression (POSIX extended) is found in, their parameters,
/// and the edges between them. Throws bad_argument for a broken expression.
UNSPOOL_API Graph select_scope(const Graph& graph, const std::string& expression);

/// The graph without the nodes of other steps than those; what lies outside every step stays. Throws bad_argument.
UNSPOOL_API Graph keep_steps(const Graph& graph, std::string_view steps);

/// Which of `steps`, ascending, a text names, a flag for each: "0:8,-4:" is from:to without to, negative ones from the
/// end, an open side to the end. Throws bad_argument for a text that cannot be read.
UNSPOOL_API std::vector<std::uint8_t> select_steps(const std::vector<std::int64_t>& steps, std::string_view text);

/// The graph for other programs: GraphML; a trace in the JSON that Perfetto opens, with flops for time; Model Explorer.
UNSPOOL_API std::string graph_graphml(const Graph& graph);
UNSPOOL_API std::string graph_perfetto(const Graph& graph);
UNSPOOL_API std::string graph_model_explorer(const Graph& graph);

/// A graph without steps gets those of its longest run: repetition k becomes step k. One that has steps stays as it is.
UNSPOOL_API Graph with_found_steps(Graph graph);

/// "1.5 kB"
UNSPOOL_API std::string bytes_text(std::int64_t bytes);
/// "%12 matmul [2,3] t=1 encoder/l0 model.cpp:12"
UNSPOOL_API std::string node_line(const Graph& graph, std::uint32_t node);

}  // namespace unspool
