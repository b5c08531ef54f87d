// Placement: where on the time axis every node of a graph stands. Written once for the pictures and for the ledger.
//
// A node of a step stands in that step's column. What was recorded outside the steps stands in a lane before or after
// them, or, where it deals with many steps (a whole input sequence, a stack of hidden states), is a bar across them.
// Passes over the same steps (layers, the reverse direction) share columns; a pass that continues from another's
// state (a decoder) has columns of its own to the right: a further block.
#pragma once

#include "dump/drawn.hpp"

namespace unspool::detail {

struct Placement {
  static constexpr std::uint32_t nowhere = ~std::uint32_t{0};  ///< parameters and folded views
  static constexpr std::uint32_t bar = nowhere - 1;
  static constexpr std::int64_t lane = -1;

  struct Cell {
    std::int64_t step = lane;  ///< of a column; `lane` for a lane
    std::uint32_t block = 0;   ///< a lane belongs to the block that it stands before
    bool is_column() const { return step != lane; }
  };

  std::vector<Cell> cells;          ///< left to right: lane, columns of block 0, lane, columns of block 1, ..., lane
  std::vector<std::uint32_t> cell;  ///< of each node: an index into cells, bar or nowhere
  std::vector<std::uint32_t> drawn_as;    ///< of each node: itself, or for a folded view what it looks into
  std::vector<std::uint32_t> stands_for;  ///< of an initial state: a later state that takes its place, else nowhere
  std::vector<std::uint8_t> carried;      ///< read by another step, or at the end of time where such a node stands

  /// Of each bar the columns that it deals with, or those of the bars that it deals with; first > last: none.
  std::vector<std::uint32_t> first_cell, last_cell;

  bool in_cell(std::uint32_t node) const { return cell[node] < bar; }
  bool in_column(std::uint32_t node) const { return in_cell(node) && cells[cell[node]].is_column(); }
  bool is_drawn(std::uint32_t node) const { return cell[node] != nowhere; }
};

/// Of a graph as_drawn().
Placement place(const Graph& drawn);

/// Nodes grouped by a key in 0..count-1, each group in recording order.
struct Groups {
  std::vector<std::uint32_t> start;  ///< count + 1 of them
  std::vector<std::uint32_t> node;
  std::span<const std::uint32_t> of(std::uint32_t key) const {
    return std::span(node).subspan(start[key], start[key + 1] - start[key]);
  }
};

/// Groups every node whose key is below `count`.
Groups group(const std::vector<std::uint32_t>& key, std::uint32_t count);

}  // namespace unspool::detail
