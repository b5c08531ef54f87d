// Any bytes at all, read as a graph file. Build with -DUNSPOOL_FUZZER -fsanitize=fuzzer,address,undefined to let
// libFuzzer search; the unit tests call the same function with damaged files.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "unspool/error.hpp"
#include "unspool/graph_analysis.hpp"

namespace {

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "graph_fuzz: %s\n", what);
  std::abort();
}

}  // namespace

/// Aborts when the reader does anything but read or reject, or what it read cannot be shown.
void unspool_fuzz_graph(const std::uint8_t* data, std::size_t size) {
  using unspool::ErrorCode;
  try {
    const unspool::Graph graph =
        unspool::parse_graph({reinterpret_cast<const char*>(data), size}, "the fuzzer's bytes", 5000);
    must(graph.nodes.size() <= 5000, "more nodes than were allowed");
    must(!unspool::graph_text(graph).empty(), "no text");
    must(!unspool::graph_svg(graph).empty() && !unspool::graph_dot(graph).empty(), "no picture");
    must(!unspool::graph_json(graph).empty(), "no file");
    const unspool::GraphStyle style{.view = static_cast<unspool::GraphView>(size % 6)};
    must(!unspool::graph_svg(graph, style).empty(), "no view");
    must(unspool::summarize(graph).nodes == static_cast<std::int64_t>(graph.nodes.size()), "another number of nodes");
    must(unspool::graph_diff(graph, graph).empty(), "a graph that differs from itself");
    unspool::gradient_report(graph);
    unspool::budget_report(graph, 1000);
    try {
      unspool::verify(graph);
    } catch (const unspool::Error& error) {
      must(error.code() == ErrorCode::verify_failed, error.what());
    }
  } catch (const unspool::Error& error) {
    must(error.code() == ErrorCode::file_format || error.code() == ErrorCode::unsupported, error.what());
  }
}

#ifdef UNSPOOL_FUZZER
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  unspool_fuzz_graph(data, size);
  return 0;
}
#endif
