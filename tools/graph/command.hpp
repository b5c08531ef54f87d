// Commands of unspool-graph: each adds itself to the command line and is run when it is named there.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "unspool/error.hpp"
#include "unspool/graph_analysis.hpp"

namespace graphtool {

/// What the process ends with; docs/graph-tool.md lists them.
enum Exit : int {
  success = 0,
  negative = 1,    ///< the answer is no: different, nothing found, does not hold
  usage = 2,       ///< the command line cannot be understood
  unreadable = 3,  ///< a file cannot be read, or is no graph
  unwritable = 4,  ///< a result cannot be written
};

/// What a command sets to be what the process ends with.
struct Context {
  int exit = success;
  std::int64_t most_nodes = 1 << 22;  ///< of a graph that is read
};

void add_render(CLI::App& app, Context& context);
void add_stat(CLI::App& app, Context& context);
void add_grad(CLI::App& app, Context& context);
void add_memory(CLI::App& app, Context& context);
void add_diff(CLI::App& app, Context& context);
void add_query(CLI::App& app, Context& context);
void add_export(CLI::App& app, Context& context);
void add_verify(CLI::App& app, Context& context);
void add_demo(CLI::App& app, Context& context);

/// "-" is standard input.
unspool::Graph read_input(const std::string& path, const Context& context);
/// "-" is standard output; a file is replaced whole or not at all. Throws unspool::Error (file_write).
void write_output(const std::string& path, const std::string& text);
void print(const std::string& text);

/// The options of a picture, shared by render and demo.
struct Picture {
  std::string out = "-";
  std::string format;  ///< empty: by the extension, and svg on standard output
  unspool::GraphStyle style;
};
/// `steps_option` chooses the steps that are drawn.
void add_picture(CLI::App& command, Picture& picture, const char* steps_option = "--steps");
void write_picture(const unspool::Graph& graph, const Picture& picture);

}  // namespace graphtool
