// Recursive networks: what an LSTM is to a sequence, a tree LSTM is to a tree.
//
//   us::TreeLSTM tree(params, "tree", {.input = I, .hidden = H});
//   us::Forest forest({2, 2, -1, 4, -1});              // the node above each node, -1 above a root: two trees
//   auto [h, c] = tree(tape.input(x), forest);         // x [N,I], a row for each node -> h [N,H]
//   us::Var sentences = index_select(h, 0, forest.roots());
#pragma once

#include <vector>

#include "unspool/cells.hpp"
#include "unspool/ids.hpp"

namespace unspool {

/// The shape of any number of trees of any shape: which node is above which. Made once for a batch, used by any number
/// of layers. Nodes are numbered from 0 in any order. Nothing here recurses.
class UNSPOOL_API Forest {
 public:
  /// parents[i] is the node above node i, or -1. Children stand in the order of their numbers; or child i of its parent
  /// in place slots[i], counted from 0, where places may stay empty. Throws index_out_of_range for a parent that is no
  /// node, shape_mismatch, and bad_argument for a cycle (naming a node of it), two children in one place, a negative
  /// place.
  explicit Forest(const Ids& parents, const Ids& slots = {});

  /// The number of nodes.
  std::int64_t size() const noexcept { return static_cast<std::int64_t>(level_.size()); }
  /// The number of levels: a leaf is on level 0, every other node one above its highest child.
  std::int64_t levels() const noexcept { return static_cast<std::int64_t>(level_begin_.size()) - 1; }
  /// The nodes of a level, by number. Throws index_out_of_range.
  std::span<const std::int64_t> level(std::int64_t k) const;
  /// All nodes, level by level.
  std::span<const std::int64_t> order() const noexcept { return order_; }
  /// The nodes above which there is none, by number.
  std::span<const std::int64_t> roots() const noexcept { return roots_; }

  /// These throw index_out_of_range for what is no node.
  std::int64_t level_of(std::int64_t node) const { return level_[checked(node)]; }
  /// The node's number within its level.
  std::int64_t row_of(std::int64_t node) const { return row_[checked(node)]; }
  /// Its children, by place.
  std::span<const std::int64_t> children(std::int64_t node) const {
    const std::size_t at = checked(node);
    return std::span(children_).subspan(static_cast<std::size_t>(child_begin_[at]),
                                        static_cast<std::size_t>(child_begin_[at + 1] - child_begin_[at]));
  }
  /// The place of a node among its siblings.
  std::int64_t slot_of(std::int64_t node) const { return slot_[checked(node)]; }

 private:
  using List = std::vector<std::int64_t>;

  std::size_t checked(std::int64_t node) const;
  void collect_children(const Ids& parents, const Ids& slots);
  void find_levels(const Ids& parents);

  List level_, row_, slot_;           // of each node
  List children_, child_begin_;       // of node i: children_[child_begin_[i] ... child_begin_[i + 1]]
  List order_, level_begin_, roots_;  // level k: order_[level_begin_[k] ... level_begin_[k + 1]]
};

struct TreeLSTMOptions {
  std::int64_t input = 0;
  std::int64_t hidden = 0;
  std::int64_t children = 0;  ///< 0: any number, summed; N: up to N, each place with weights of its own
  double forget_bias = 0;     ///< added to the forget gates' bias at the start; see forget_gate_bias()
  CellInit init = {};
};

/// Tai, Socher and Manning, ACL 2015: the child-sum tree LSTM (eq. 2 to 8) or, with `children`, the N-ary one (eq. 9 to
/// 14). A level of all trees at once is one op. Parameters: "name.weight_ih" [4H,I], blocks i, f, g, o;
/// "name.weight_hh" [3H,W], blocks i, g, o, of the children's h; "name.weight_fh" [W,W], of the forget gates;
/// "name.bias" [4H]. W is H, or N*H.
template <Scalar T = float>
class TreeLSTM {
 public:
  /// Throws bad_argument unless input and hidden are above 0, duplicate_name.
  TreeLSTM(ParameterSet<T>& params, std::string name, const TreeLSTMOptions& options);

  /// x [N,I], a row for each node (zeros where only leaves have words) -> h and c [N,H] of each node. Nodes are in the
  /// scope `name`; the step is the level. Throws shape_mismatch, bad_argument for a node with a child in a place from
  /// `children` on.
  LSTMState<T> operator()(const Var<T>& x, const Forest& forest, Where where = Where::current()) const;

  std::int64_t input() const noexcept { return input_; }
  std::int64_t hidden() const noexcept { return hidden_; }

 private:
  void check(const Var<T>& x, const Forest& forest) const;

  std::string name_;
  std::int64_t input_, hidden_, slots_;
  Parameter<T>* weight_ih_;
  Parameter<T>* weight_hh_;
  Parameter<T>* weight_fh_;
  Parameter<T>* bias_;
};

extern template class UNSPOOL_API TreeLSTM<float>;
extern template class UNSPOOL_API TreeLSTM<double>;
extern template class UNSPOOL_API TreeLSTM<Dual<double>>;

}  // namespace unspool
