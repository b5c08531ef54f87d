// Folding: a graph with every repeated step stored once. docs/graph-format.md describes the parts; unfold(fold(g)) is g.
#pragma once

#include <array>

#include "unspool/graph.hpp"

namespace unspool::detail {

/// The entries of a row, in the file's order; `inputs` stands last, and the operands and attributes follow it.
enum class Entry : std::uint8_t {
  op,
  shape,
  step,
  scope,
  file,
  line,
  flags,
  value_bytes,
  saved_bytes,
  flops,
  parameter,
  arena_bytes,
  gradient_bytes,
  gradient_born,
  gradient_freed,
  scratch_bytes,
  held_bytes,
  held_freed,
  flush_bytes,
  inputs
};
inline constexpr std::uint32_t entry_count = static_cast<std::uint32_t>(Entry::inputs) + 1;
inline constexpr std::array<std::string_view, entry_count> entry_names = {"op",
                                                                          "shape",
                                                                          "step",
                                                                          "scope",
                                                                          "file",
                                                                          "line",
                                                                          "flags",
                                                                          "value_bytes",
                                                                          "saved_bytes",
                                                                          "flops",
                                                                          "parameter",
                                                                          "arena_bytes",
                                                                          "gradient_bytes",
                                                                          "gradient_born",
                                                                          "gradient_freed",
                                                                          "scratch_bytes",
                                                                          "held_bytes",
                                                                          "held_freed",
                                                                          "flush_bytes",
                                                                          "inputs"};
constexpr std::uint32_t at(Entry e) { return static_cast<std::uint32_t>(e); }

/// Numbers up to here are exact in JSON readers that know only doubles.
inline constexpr std::int64_t largest_number = std::int64_t{1} << 53;
constexpr bool is_number(std::int64_t word) { return word >= -largest_number && word <= largest_number; }

struct Segment {
  struct Stride {
    std::uint32_t row, entry;
    std::int64_t stride;
  };
  struct Exception {
    std::uint32_t row, entry;
    std::uint64_t first, count;
    std::int64_t value, stride;
  };
  std::uint64_t first = 0;  ///< id of its first node
  std::uint64_t count = 1;
  std::vector<std::uint64_t> row_start = {0};  ///< into entries; one more than there are rows
  std::vector<std::int64_t> entries;
  std::vector<Stride> strides;        ///< in order of row and entry
  std::vector<Exception> exceptions;  ///< in order of row, entry and first

  std::uint32_t rows() const { return static_cast<std::uint32_t>(row_start.size()) - 1; }
  std::span<const std::int64_t> row(std::uint32_t r) const {
    return std::span(entries).subspan(row_start[r], row_start[r + 1] - row_start[r]);
  }
};

struct FoldedGraph {
  Graph tables;  ///< everything but nodes, and what is said of each node but its gradient norm
  std::vector<std::vector<std::int64_t>> shapes;
  std::vector<Segment> segments;
  std::vector<double> gradient_norm;  ///< of each node
  std::uint64_t nodes = 0;
  bool has_memory = false;
};

FoldedGraph fold(const Graph& graph);
Graph unfold(const FoldedGraph& folded);

/// A part of a recording that repeats.
struct Run {
  std::uint32_t first = 0;
  std::uint32_t period = 0;  ///< nodes of one repetition
  std::uint32_t count = 0;   ///< at least 3
  std::uint32_t end() const { return first + period * count; }
};

/// Found from the steps; outside them from the distance between the uses of a shared parameter, or of equal nodes.
/// Confirmed by structure: ops, shapes and operands of all repetitions but the first agree. In recording order, disjoint.
std::vector<Run> find_runs(const Graph& graph, const std::vector<std::uint32_t>& shape_of_node);

/// A number for every shape, the same for equal ones, in the order of first use.
std::vector<std::uint32_t> number_shapes(const Graph& graph, std::vector<std::vector<std::int64_t>>& shapes);

}  // namespace unspool::detail
