// Lane rows: what a lane hands to a step has its row of the lane to itself.
#pragma once

#include "dump/placement.hpp"

namespace unspool::detail {

/// Two initial states of one step (the h and c of an LSTM) in one row would stand in line, as if one led to the other.
/// The first stays beside the states that follow it, the others go to the nearest free rows of the lane. Takes the rows
/// of all drawn nodes and how many there are; returns how many there are then.
std::uint32_t part_lane_sources(const Graph& graph, const Placement& placement, std::uint32_t rows,
                                std::vector<std::uint32_t>& row);

}  // namespace unspool::detail
