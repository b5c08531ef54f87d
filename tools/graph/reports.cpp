// Commands that answer in words: stat, grad, memory, diff, query, verify.
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "command.hpp"

namespace graphtool {
namespace {

namespace us = unspool;

std::shared_ptr<std::string> add_file(CLI::App& command) {
  auto file = std::make_shared<std::string>();
  command.add_option("file", *file, "graph file, or - for standard input")->required()->option_text("FILE");
  return file;
}

std::string number(double value) { return std::isnan(value) ? "unknown" : fmt::format("{:.4g}", value); }

std::string stat_text(const us::GraphSummary& s) {
  std::string text = fmt::format(
      "nodes          {} ({} views), {} edges\nparameters     {} tensors, {} values\nflops          {} forward\n"
      "values         {}, and {} saved for backward\n",
      s.nodes, s.views, s.edges, s.parameters, s.parameter_values, s.flops, us::bytes_text(s.value_bytes),
      us::bytes_text(s.saved_bytes));
  text += s.arena_bytes == 0
              ? "peak memory    not known\n"
              : fmt::format("peak memory    {} ({} bytes): arena {}, gradients {}\n", us::bytes_text(s.peak_bytes),
                            s.peak_bytes, s.arena_bytes, s.gradient_bytes_peak);
  text += fmt::format("steps          {}\n", s.steps);
  text += s.period == 0 ? "period         nothing repeats\n"
                        : fmt::format("period         {} nodes, {} times\n", s.period, s.repetitions);
  return text + fmt::format("longest path   {} edges\n", s.longest_path);
}

std::string stat_json(const us::GraphSummary& s) {
  return fmt::format(
      "{{\"nodes\":{},\"edges\":{},\"views\":{},\"parameters\":{},\"parameter_values\":{},\"flops\":{},"
      "\"value_bytes\":{},\"saved_bytes\":{},\"arena_bytes\":{},\"gradient_bytes_peak\":{},\"peak_bytes\":{},"
      "\"steps\":{},\"period\":{},\"repetitions\":{},\"longest_path\":{}}}\n",
      s.nodes, s.edges, s.views, s.parameters, s.parameter_values, s.flops, s.value_bytes, s.saved_bytes, s.arena_bytes,
      s.gradient_bytes_peak, s.peak_bytes, s.steps, s.period, s.repetitions, s.longest_path);
}

// A line for each of `count` steps, the last one first; of many the ends.
template <class Line>
std::string step_table(std::size_t count, Line line) {
  std::string text;
  for (std::size_t k = count; k-- > 0;) {
    const bool shown = count <= 12 || k < 4 || k + 4 >= count;
    if (shown)
      text += line(k);
    else if (k == count - 5)
      text += "  ...\n";
  }
  return text;
}

std::string course_table(const us::GradientCourse& c) {
  return step_table(c.steps.size(),
                    [&](std::size_t k) { return fmt::format("  t = {:<8} {}\n", c.steps[k], number(c.norms[k])); });
}

// What every step adds to a shared parameter's gradient, in the order in which the walk back adds it.
std::string series_text(const us::GraphParameter& p) {
  const us::GraphSeries& s = p.series;
  std::string text = fmt::format("{}: gradient norm {}\n", p.name, number(p.gradient_norm));
  if (s.steps.empty()) return text + "  no contributions by step: the tape kept no ledger\n";
  text += fmt::format("  {:<12} {:<12} {:<12} {}\n", "step", "adds", "sum so far", "cosine to the total");
  return text + step_table(s.steps.size(), [&](std::size_t k) {
           const double cosine = s.norm[k] * p.gradient_norm > 0 ? s.dot[k] / (s.norm[k] * p.gradient_norm) : 0;
           return fmt::format("  {:<12} {:<12} {:<12} {}\n",
                              s.steps[k] < 0 ? "outside" : fmt::format("t = {}", s.steps[k]), number(s.norm[k]),
                              number(s.running_norm[k]), number(cosine));
         });
}

std::string grad_text(const us::Graph& graph, const us::GradientReport& r) {
  std::string text;
  for (const us::GradientCourse& c : r.courses)
    text += fmt::format("{}: {}; a factor of {} a step back, {} from the last step to the first\n{}",
                        c.scope.empty() ? "(no scope)" : c.scope, us::verdict_name(c.verdict), number(c.decay),
                        number(c.end_to_end), course_table(c));
  if (r.first.found)
    text += fmt::format("first {}: {}\n  {}\n",
                        r.first.backward ? "gradient that is not finite" : "value that is not finite",
                        us::node_line(graph, r.first.node), r.first.explanation);
  if (r.courses.empty() && !r.first.found)
    text += "no gradient norms of states: run backward() on a tape with keep_gradient_norms, in steps\n";
  return text + fmt::format("verdict: {}\n", us::verdict_name(r.verdict));
}

const us::GraphParameter& find_parameter(const us::Graph& graph, const std::string& name) {
  std::string known;
  for (const us::GraphParameter& p : graph.parameters) {
    if (p.name == name) return p;
    known += (known.empty() ? "" : ", ") + p.name;
  }
  throw CLI::ValidationError("--param", "must name a parameter of the graph: " + known + "; given " + name);
}

std::string memory_text(const us::Graph& graph, const us::MemoryReport& r) {
  if (graph.nodes.empty()) return "nothing was recorded\n";
  std::string text = fmt::format(
      "peak        {} ({} bytes), {} {}\nvalues      {}\nsaved       {}\nbookkeeping {}\ngradients   {}\n"
      "scratch     {}\n\nalive at the peak:\n",
      us::bytes_text(r.peak_bytes), r.peak_bytes,
      r.peak_in_flush      ? "while queued parameter gradients are summed before the visit of"
      : r.peak_in_backward ? "in the backward visit of"
                           : "after recording",
      us::node_line(graph, r.peak_node), us::bytes_text(r.values), us::bytes_text(r.saved),
      us::bytes_text(r.bookkeeping), us::bytes_text(r.gradients), us::bytes_text(r.scratch));
  std::size_t shown = 0;
  for (const us::MemoryHolder& h : r.holders) {
    if (++shown > 20) break;
    text += fmt::format("  {:>10}  {} x{}\n", us::bytes_text(h.bytes), h.what, h.count);
  }
  if (r.holders.size() > 20) text += fmt::format("  and {} more kinds\n", r.holders.size() - 20);
  return text;
}

std::string budget_text(const us::BudgetReport& b, std::int64_t bytes) {
  if (b.steps == 0) return "a budget needs steps, and the graph has none\n";
  std::string text = fmt::format("\nwithin {}: ", us::bytes_text(bytes));
  if (!b.possible) return text + fmt::format("impossible; the least is {}\n", us::bytes_text(b.least_bytes));
  if (b.extra_steps == 0) return text + "everything may be kept\n";
  return text + fmt::format(
                    "{} stored states of {} each, {} kept steps, {} steps recorded again for {}, {:.2f} times "
                    "the work\n",
                    b.stored_states, us::bytes_text(b.state_bytes), b.kept_steps, b.extra_steps, b.steps,
                    b.time_factor);
}

}  // namespace

void add_stat(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("stat", "count nodes, parameters, flops, bytes, steps");
  const auto file = add_file(*command);
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "as one JSON object");
  command->callback([=, &context] {
    const us::GraphSummary s = us::summarize(read_input(*file, context));
    print(*json ? stat_json(s) : stat_text(s));
  });
}

void add_grad(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("grad", "tell how gradients fare over time, and where a NaN came from");
  const auto file = add_file(*command);
  auto parameter = std::make_shared<std::string>();
  command->add_option("--param", *parameter, "tell instead what each step adds to this parameter's gradient")
      ->option_text("NAME");
  command->callback([=, &context] {
    const us::Graph graph = us::with_found_steps(read_input(*file, context));
    if (!parameter->empty()) return print(series_text(find_parameter(graph, *parameter)));
    const us::GradientReport report = us::gradient_report(graph);
    print(grad_text(graph, report));
    if (report.verdict == us::GradientVerdict::nonfinite) context.exit = negative;
  });
}

void add_memory(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("memory", "tell who is alive at the peak, and what a budget would cost");
  const auto file = add_file(*command);
  auto budget = std::make_shared<std::uint64_t>(0);
  command->add_option("--budget", *budget, "bytes, such as 64MiB or 1000000")
      ->transform(CLI::AsSizeValue(true))
      ->option_text("BYTES");
  command->callback([=, &context] {
    const us::Graph graph = us::with_found_steps(read_input(*file, context));
    std::string text = memory_text(graph, us::memory_report(graph));
    if (*budget > 0) {
      const std::int64_t bytes = static_cast<std::int64_t>(std::min<std::uint64_t>(*budget, INT64_MAX));
      const us::BudgetReport b = us::budget_report(graph, bytes);
      text += budget_text(b, bytes);
      if (!b.possible) context.exit = negative;
    }
    print(text);
  });
}

void add_diff(CLI::App& app, Context& context) {
  struct Options {
    std::string a, b;
    us::DiffOptions diff;
    bool no_norms = false, quiet = false;
  };
  CLI::App* command =
      app.add_subcommand("diff", "tell what two graphs do not have in common; exits with 1 if anything");
  auto o = std::make_shared<Options>();
  command->add_option("a", o->a, "graph file, or - for standard input")->required()->option_text("A");
  command->add_option("b", o->b, "graph file, or - for standard input")->required()->option_text("B");
  command->add_flag("--lines", o->diff.lines, "source lines count");
  command->add_flag("--no-norms", o->no_norms, "gradient norms do not count");
  command->add_flag("-q,--quiet", o->quiet, "print nothing");
  command->add_option("--tolerance", o->diff.tolerance, "relative, of gradient norms")
      ->check(CLI::Range(0.0, 1.0))
      ->option_text("X [1e-9]");
  command->callback([o, &context] {
    if (o->a == "-" && o->b == "-") throw CLI::ValidationError("b", "only one of the files can be standard input");
    o->diff.norms = !o->no_norms;
    const us::Graph a = read_input(o->a, context);
    const std::vector<std::string> lines = us::graph_diff(a, read_input(o->b, context), o->diff);
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    if (!o->quiet) print(text);
    if (!lines.empty()) context.exit = negative;
  });
}

void add_query(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("query", "list the nodes that match: 'op=matmul & t=3 & param=weight_hh_l0'");
  const auto file = add_file(*command);
  auto query = std::make_shared<std::string>();
  auto count = std::make_shared<bool>(false);
  command->add_option("query", *query, "what to look for")->required()->option_text("QUERY");
  command->add_flag("--count", *count, "print how many");
  command->callback([=, &context] {
    const us::Graph graph = read_input(*file, context);
    std::vector<std::uint32_t> found;
    try {
      found = us::query_graph(graph, *query);
    } catch (const us::Error& error) {
      throw CLI::ValidationError("query", error.what());
    }
    std::string text = *count ? fmt::format("{}\n", found.size()) : "";
    if (!*count)
      for (const std::uint32_t i : found) {
        text += us::node_line(graph, i);
        if (!(graph.nodes[i].gradient_norm < 0)) text += fmt::format("  grad={:.6g}", graph.nodes[i].gradient_norm);
        text += "\n";
      }
    print(text);
    if (found.empty()) context.exit = negative;
  });
}

void add_export(CLI::App& app, Context& context) {
  struct Options {
    std::string file, to, out = "-";
  };
  CLI::App* command = app.add_subcommand("export", "write a graph for another program");
  auto o = std::make_shared<Options>();
  command->add_option("file", o->file, "graph file, or - for standard input")->required()->option_text("FILE");
  command->add_option("--to", o->to, "the format")
      ->required()
      ->check(CLI::IsMember({"graphml", "perfetto", "model-explorer"}))
      ->option_text("graphml|perfetto|model-explorer");
  command->add_option("-o,--output", o->out, "where to, or - for standard output")->option_text("FILE [-]");
  command->callback([o, &context] {
    const us::Graph graph = read_input(o->file, context);
    write_output(o->out, o->to == "graphml"    ? us::graph_graphml(graph)
                         : o->to == "perfetto" ? us::graph_perfetto(graph)
                                               : us::graph_model_explorer(graph));
  });
}

void add_verify(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("verify", "run the shape rules of all ops over a graph again");
  const auto file = add_file(*command);
  command->callback([=, &context] {
    const us::Graph graph = read_input(*file, context);
    try {
      us::verify(graph);
      print(fmt::format("{} nodes hold\n", graph.nodes.size()));
    } catch (const us::Error& error) {
      if (error.code() != us::ErrorCode::verify_failed) throw;
      print(std::string(error.what()) + "\n");
      context.exit = negative;
    }
  });
}

}  // namespace graphtool
