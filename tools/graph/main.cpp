// unspool-graph: looks at recorded graphs. Thin over unspool/graph.hpp and unspool/graph_analysis.hpp.
#include <fmt/core.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include "command.hpp"

namespace {

using namespace graphtool;

const char* hint_of(unspool::ErrorCode code) {
  using unspool::ErrorCode;
  switch (code) {
    case ErrorCode::file_open:
      return "give a file that write_graph(tape, \"x.json\") or UNSPOOL_GRAPH=x.json wrote, or - for standard input";
    case ErrorCode::file_format:
      return "the file is damaged or no graph; docs/graph-format.md describes it; --max-nodes-read allows larger ones";
    case ErrorCode::unsupported:
      return "capture the graph again with this version of the library";
    case ErrorCode::file_write:
      return "choose another place with -o, or make room";
    case ErrorCode::out_of_memory:
      return "look at a part of it: --steps, --scope";
    default:
      return "unspool-graph COMMAND --help lists what may be given";
  }
}

int exit_of(unspool::ErrorCode code) {
  using unspool::ErrorCode;
  switch (code) {
    case ErrorCode::file_open:
    case ErrorCode::file_format:
    case ErrorCode::unsupported:
    case ErrorCode::out_of_memory:
      return unreadable;
    case ErrorCode::file_write:
      return unwritable;
    default:
      return usage;
  }
}

int complain(const char* what, const char* hint, int exit) {
  fmt::print(stderr, "unspool-graph: {}\nhint: {}\n", what, hint);
  return exit;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that leaves is a failed write, and has an exit code
  CLI::App app("Looks at the graphs that unspool records: networks unrolled over time.", "unspool-graph");
  app.set_version_flag("--version", UNSPOOL_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  app.footer(
      "Exit: 0 done; 1 the answer is no (diff, query, verify, grad, memory --budget); 2 wrong usage;\n"
      "3 a file that cannot be read or is no graph; 4 a result that cannot be written.");
  Context context;
  app.add_option("--max-nodes-read", context.most_nodes, "largest graph that is unfolded")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{0xFFFFFFF0}))
      ->option_text("N [4194304]");
  for (const auto add :
       {add_render, add_stat, add_grad, add_memory, add_diff, add_query, add_export, add_verify, add_demo})
    add(app, context);
  try {
    app.parse(argc, argv);
    return context.exit;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return complain(error.what(), "unspool-graph COMMAND --help lists what may be given", usage);
  } catch (const unspool::Error& error) {
    return complain(error.what(), hint_of(error.code()), exit_of(error.code()));
  } catch (const std::bad_alloc&) {
    return complain("out of memory", hint_of(unspool::ErrorCode::out_of_memory), unreadable);
  } catch (const std::exception& error) {
    return complain(error.what(), "please report this", usage);
  }
}
