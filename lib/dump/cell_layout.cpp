// Sugiyama's method for one step: edges that pass rows get waypoints, barycentres order the rows, and a few rounds of
// moving every node towards its neighbours give the coordinates.
#include "dump/cell_layout.hpp"

#include <algorithm>
#include <cmath>

namespace unspool::detail {
namespace {

constexpr std::uint32_t longest_way = 48;  // rows; an edge longer than this goes straight
constexpr double way_width = 8;
constexpr int order_rounds = 3;
constexpr int move_rounds = 3;

class CellLayouter {
 public:
  CellLayouter(const CellGraph& cell, double gap) : cell_(cell), gap_(gap) {}

  CellLayout run() {
    make_items();
    make_rows();
    for (int round = 0; round < order_rounds; ++round) {
      for (std::size_t r = 1; r < rows_.size(); ++r) order(rows_[r], below_);
      for (std::size_t r = rows_.size(); r-- > 0;) order(rows_[r], above_);
    }
    for (std::vector<std::uint32_t>& row : rows_) pack(row);
    for (int round = 0; round < move_rounds; ++round) {
      for (std::size_t r = 0; r < rows_.size(); ++r) move(rows_[r], below_);
      for (std::size_t r = rows_.size(); r-- > 0;) move(rows_[r], above_);
    }
    return finish();
  }

 private:
  struct Item {
    std::uint32_t row;
    std::int32_t side;
    double width;
    std::uint32_t node;  // whose waypoint it is, or itself
  };

  void link(std::uint32_t low, std::uint32_t high) { links_.push_back({low, high}); }

  void make_items() {
    const std::uint32_t count = static_cast<std::uint32_t>(cell_.nodes.size());
    for (std::uint32_t i = 0; i < count; ++i)
      items_.push_back({cell_.nodes[i].row, cell_.nodes[i].side, static_cast<double>(cell_.nodes[i].width), i});
    // One chain of waypoints a source, as long as its longest edge that takes one.
    std::vector<std::uint32_t> top(count, 0);
    for (const CellGraph::Edge& e : cell_.edges) top[e.from] = std::max(top[e.from], way_end(e));
    std::vector<std::uint32_t> chain(count, 0);
    for (std::uint32_t i = 0; i < count; ++i) {
      chain[i] = static_cast<std::uint32_t>(items_.size());
      for (std::uint32_t r = items_[i].row + 1; r < top[i]; ++r) {
        link(r == items_[i].row + 1 ? i : static_cast<std::uint32_t>(items_.size()) - 1,
             static_cast<std::uint32_t>(items_.size()));
        items_.push_back({r, 0, way_width, i});
      }
    }
    for (const CellGraph::Edge& e : cell_.edges) {
      const std::uint32_t passed = way_end(e) == 0 ? 0 : items_[e.to].row - items_[e.from].row - 1;
      link(passed == 0 ? e.from : chain[e.from] + passed - 1, e.to);
    }
  }
  // The row that an edge's waypoints end below; 0 when it takes none.
  std::uint32_t way_end(const CellGraph::Edge& e) const {
    const std::uint32_t low = cell_.nodes[e.from].row;
    const std::uint32_t high = cell_.nodes[e.to].row;
    return high > low + 1 && high - low <= longest_way ? high : 0;
  }

  void make_rows() {
    std::vector<std::uint32_t> numbers;
    for (const Item& item : items_) numbers.push_back(item.row);
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    rows_.resize(numbers.size());
    for (const int side : {-1, 0, 1})
      for (std::uint32_t i = 0; i < items_.size(); ++i)
        if (items_[i].side == side)
          rows_[std::lower_bound(numbers.begin(), numbers.end(), items_[i].row) - numbers.begin()].push_back(i);
    below_.resize(items_.size());
    above_.resize(items_.size());
    for (const auto& [low, high] : links_) {
      below_[high].push_back(low);
      above_[low].push_back(high);
    }
    x_.assign(items_.size(), 0);
    for (const std::vector<std::uint32_t>& row : rows_) set_places(row);
  }

  void set_places(const std::vector<std::uint32_t>& row) {
    for (std::size_t k = 0; k < row.size(); ++k) x_[row[k]] = static_cast<double>(k) - (row.size() - 1) / 2.0;
  }

  void order(std::vector<std::uint32_t>& row, const std::vector<std::vector<std::uint32_t>>& neighbours) {
    const auto key = [&](std::uint32_t i) {
      double sum = 0;
      for (const std::uint32_t n : neighbours[i]) sum += x_[n];
      const double centre = neighbours[i].empty() ? x_[i] : sum / static_cast<double>(neighbours[i].size());
      return centre + items_[i].side * (below_[i].empty() ? 1000 : 0.5);
    };
    std::vector<std::pair<double, std::uint32_t>> keyed;
    for (const std::uint32_t i : row) keyed.push_back({key(i), i});
    std::stable_sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (std::size_t k = 0; k < row.size(); ++k) row[k] = keyed[k].second;
    set_places(row);
  }

  double apart(std::uint32_t a, std::uint32_t b) const { return (items_[a].width + items_[b].width) / 2 + gap_; }

  void pack(const std::vector<std::uint32_t>& row) {
    double at = 0;
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (k > 0) at += apart(row[k - 1], row[k]);
      x_[row[k]] = at;
    }
    for (const std::uint32_t i : row) x_[i] -= at / 2;
  }

  // Every item towards the middle of its neighbours on one side, keeping order and distance: halfway between the
  // arrangement that gives way to the right and the one that gives way to the left.
  void move(const std::vector<std::uint32_t>& row, const std::vector<std::vector<std::uint32_t>>& neighbours) {
    wanted_.clear();
    for (const std::uint32_t i : row) {
      double sum = 0;
      for (const std::uint32_t n : neighbours[i]) sum += x_[n];
      wanted_.push_back(neighbours[i].empty() ? x_[i] : sum / static_cast<double>(neighbours[i].size()));
    }
    std::vector<double>& right = wanted_;
    std::vector<double> left = wanted_;
    for (std::size_t k = 1; k < row.size(); ++k)
      right[k] = std::max(right[k], right[k - 1] + apart(row[k - 1], row[k]));
    for (std::size_t k = row.size(); k-- > 1;) left[k - 1] = std::min(left[k - 1], left[k] - apart(row[k - 1], row[k]));
    for (std::size_t k = 0; k < row.size(); ++k) x_[row[k]] = (left[k] + right[k]) / 2;
  }

  CellLayout finish() {
    CellLayout out;
    double least = items_.empty() ? 0 : x_[0] - items_[0].width / 2;
    double most = least;
    for (std::uint32_t i = 0; i < items_.size(); ++i) {
      least = std::min(least, x_[i] - items_[i].width / 2);
      most = std::max(most, x_[i] + items_[i].width / 2);
    }
    for (std::uint32_t i = 0; i < items_.size(); ++i) {
      const double x = std::floor(x_[i] - least + 0.5);
      if (i < cell_.nodes.size())
        out.x.push_back(x);
      else
        out.waypoints.push_back({items_[i].node, x, items_[i].row});
    }
    out.width = std::ceil(most - least);
    return out;
  }

  const CellGraph& cell_;
  double gap_;
  std::vector<Item> items_;  // the nodes, then the waypoints
  std::vector<std::pair<std::uint32_t, std::uint32_t>> links_;
  std::vector<std::vector<std::uint32_t>> rows_;
  std::vector<std::vector<std::uint32_t>> below_;
  std::vector<std::vector<std::uint32_t>> above_;
  std::vector<double> x_;
  std::vector<double> wanted_;
};

}  // namespace

CellLayout lay_out_cell(const CellGraph& cell, double gap) { return CellLayouter(cell, gap).run(); }

const CellLayout& Stamps::lay_out(const CellGraph& cell, double gap) {
  std::string key;
  key.reserve(cell.nodes.size() * sizeof(CellGraph::Node) + cell.edges.size() * sizeof(CellGraph::Edge) + 4);
  const std::uint32_t count = static_cast<std::uint32_t>(cell.nodes.size());
  key.append(reinterpret_cast<const char*>(&count), sizeof count);
  key.append(reinterpret_cast<const char*>(cell.nodes.data()), cell.nodes.size() * sizeof(CellGraph::Node));
  key.append(reinterpret_cast<const char*>(cell.edges.data()), cell.edges.size() * sizeof(CellGraph::Edge));
  const auto [at, fresh] = stamps_.try_emplace(std::move(key));
  if (fresh) at->second = lay_out_cell(cell, gap);
  return at->second;
}

}  // namespace unspool::detail
