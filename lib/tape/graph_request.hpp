// UNSPOOL_GRAPH: a graph that the environment asks for, of a program that knows nothing of it.
#pragma once

#include <cstdint>
#include <string>

namespace unspool::detail {

class TapeCore;

struct GraphRequest {
  std::string path;
  std::int64_t step = 1;  ///< after which of the process's walks, from 1
};

/// Reads "path[:step=N]"; the path may hold colons. Throws bad_argument for an empty path or an N below 1.
GraphRequest parse_graph_request(const std::string& text);

/// Null where UNSPOOL_GRAPH is not set; read once. Throws bad_argument, each time, for a value that makes no sense.
const GraphRequest* graph_request();

/// Called after every backward() while a graph is asked for. The tape layer knows no graphs: the dump layer defines it.
void write_requested_graph(const TapeCore& tape);

}  // namespace unspool::detail
