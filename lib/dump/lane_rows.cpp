#include "dump/lane_rows.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "dump/layout.hpp"

namespace unspool::detail {
namespace {

constexpr std::size_t most_apart = 8;  // more than these in one row stay there: a heap is no picture either way

class LaneRows {
 public:
  LaneRows(const Graph& graph, const Placement& placement, std::uint32_t rows, std::vector<std::uint32_t>& row)
      : graph_(graph), p_(placement), rows_(rows), row_(row) {}

  std::uint32_t run() {
    find_sources();
    if (sources_.empty()) return rows_;
    find_limits();
    find_taken();
    for (const auto& [place, nodes] : crowds()) {
      if (nodes.size() > most_apart) continue;
      const bool alone = nodes.size() == taken_.at(place);
      for (std::size_t k = alone ? 1 : 0; k < nodes.size(); ++k) move(nodes[k], place);
    }
    return rows_;
  }

 private:
  using Place = std::pair<std::uint32_t, std::uint32_t>;  // lane, row
  struct Limits {
    std::int64_t low = 0,
                 high = INT64_MAX;  // rows that keep it above what leads up to it and below what it leads up to
  };

  bool in_lane(std::uint32_t i) const { return p_.in_cell(i) && !p_.in_column(i); }

  template <class F>
  void for_each_edge(F f) const {
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (p_.is_drawn(i))
        for (const std::uint32_t input : graph_.inputs_of(graph_.nodes[i])) f(p_.drawn_as[input], i);
  }

  void find_sources() {
    for_each_edge([&](std::uint32_t from, std::uint32_t to) {
      if (p_.in_column(to) && in_lane(from)) sources_.try_emplace(from);
    });
  }

  void find_limits() {
    for_each_edge([&](std::uint32_t from, std::uint32_t to) {
      if (!p_.is_drawn(from) || !runs_up(p_, from, to)) return;
      const auto low = sources_.find(from), high = sources_.find(to);
      if (low != sources_.end()) low->second.high = std::min(low->second.high, std::int64_t{row_[to]} - 1);
      if (high != sources_.end()) high->second.low = std::max(high->second.low, std::int64_t{row_[from]} + 1);
      if (low != sources_.end() && high != sources_.end()) low->second.high = high->second.high = -1;  // both stay
    });
  }

  void find_taken() {
    for (std::uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      if (in_lane(i)) ++taken_[{p_.cell[i], row_[i]}];
      if (p_.cell[i] == Placement::bar) bars_.insert({row_[i], {p_.first_cell[i], p_.last_cell[i]}});
    }
  }

  // The sources that share a row of their lane with others.
  std::map<Place, std::vector<std::uint32_t>> crowds() const {
    std::map<Place, std::vector<std::uint32_t>> found;
    for (const auto& [node, limits] : sources_) {
      const Place place(p_.cell[node], row_[node]);
      if (taken_.at(place) > 1) found[place].push_back(node);
    }
    return found;
  }

  bool is_free(const Place& place) const {
    if (taken_.contains(place)) return false;
    const auto [first, last] = bars_.equal_range(place.second);
    return std::none_of(first, last, [&](const auto& bar) {
      const auto& [from, to] = bar.second;  // cells; a bar without any goes all the way
      return from > to || (from < place.first && place.first < to);
    });
  }

  void move(std::uint32_t node, const Place& from) {
    const Limits& limits = sources_.at(node);
    for (std::int64_t away = 1; away <= std::int64_t{rows_}; ++away)
      for (const std::int64_t to : {from.second + away, from.second - away}) {
        if (to < limits.low || to > limits.high || to > rows_) continue;
        const Place place(from.first, static_cast<std::uint32_t>(to));
        if (!is_free(place)) continue;
        row_[node] = place.second;
        rows_ = std::max(rows_, place.second + 1);
        taken_[place] = 1;
        return;
      }
  }

  const Graph& graph_;
  const Placement& p_;
  std::uint32_t rows_;
  std::vector<std::uint32_t>& row_;
  std::map<std::uint32_t, Limits> sources_;  // what stands in a lane and is read by a step
  std::map<Place, std::uint32_t> taken_;     // how many stand there
  std::multimap<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> bars_;  // row, first and last cell
};

}  // namespace

std::uint32_t part_lane_sources(const Graph& graph, const Placement& placement, std::uint32_t rows,
                                std::vector<std::uint32_t>& row) {
  return LaneRows(graph, placement, rows, row).run();
}

}  // namespace unspool::detail
