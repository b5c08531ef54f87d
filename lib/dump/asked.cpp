// After a walk that UNSPOOL_GRAPH asked for, the graph is written. What goes wrong with it is said on standard error
// and stops no training.
#include <fmt/core.h>

#include <atomic>
#include <cstdio>

#include "tape/graph_request.hpp"
#include "unspool/graph.hpp"

namespace unspool::detail {

void write_requested_graph(const TapeCore& tape) {
  const GraphRequest* request = graph_request();
  static std::atomic<std::int64_t> walks{0};
  if (++walks != request->step) return;
  try {
    write_graph(capture(tape, {}), request->path);
  } catch (const std::exception& error) {
    fmt::print(stderr, "unspool: UNSPOOL_GRAPH: {}\n", error.what());
  }
}

}  // namespace unspool::detail
