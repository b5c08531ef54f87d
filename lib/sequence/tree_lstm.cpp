#include <cmath>

#include "base/check.hpp"
#include "unspool/ops.hpp"
#include "unspool/recording.hpp"
#include "unspool/tree.hpp"

namespace unspool {

template <Scalar T>
TreeLSTM<T>::TreeLSTM(ParameterSet<T>& params, std::string name, const TreeLSTMOptions& options)
    : name_(std::move(name)), input_(options.input), hidden_(options.hidden), slots_(options.children) {
  constexpr std::int64_t most_slots = 1024;
  detail::require(input_ > 0 && hidden_ > 0, ErrorCode::bad_argument, "TreeLSTM",
                  "input and hidden must be above 0; given {} and {} for \"{}\"", input_, hidden_, name_);
  detail::require(slots_ >= 0 && slots_ <= most_slots, ErrorCode::bad_argument, "TreeLSTM",
                  "children must be in 0..{}; given {} for \"{}\"", most_slots, slots_, name_);
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_));
  const auto add = [&](const char* what, const Shape& shape, const std::optional<Init>& asked) {
    return &params.add((name_.empty() ? "" : name_ + ".") + what, shape, asked.value_or(uniform(-bound, bound)));
  };
  const std::int64_t width = slots_ == 0 ? hidden_ : slots_ * hidden_;
  weight_ih_ = add("weight_ih", {4 * hidden_, input_}, options.init.weight_ih);
  weight_hh_ = add("weight_hh", {3 * hidden_, width}, options.init.weight_hh);
  weight_fh_ = add("weight_fh", {width, width}, options.init.weight_hh);
  bias_ = add("bias", {4 * hidden_}, options.init.bias);
  if (options.forget_bias != 0) forget_gate_bias(*bias_, options.forget_bias);
}

namespace {

/// Where the children of one level's nodes lie in the values of the levels below: what gather_rows() takes. A level's value
/// is [2P,H], the h of its P nodes and then their c.
template <Scalar T>
class LevelChildren {
 public:
  LevelChildren(const Forest& forest, std::int64_t slots)
      : forest_(forest), slots_(slots), operand_of_(static_cast<std::size_t>(forest.levels()), -1) {}

  /// For a level above 0, where every node has a child.
  void collect(std::int64_t level, std::span<const Var<T>> values) {
    clear();
    const std::span<const std::int64_t> nodes = forest_.level(level);
    for (std::size_t p = 0; p < nodes.size(); ++p) {
      std::int64_t slot = 0;
      for (const std::int64_t child : forest_.children(nodes[p])) {
        for (; slots_ > 0 && slot < forest_.slot_of(child); ++slot) push(-1, -1, 0);
        ++slot;
        const std::int64_t below = forest_.level_of(child);
        push(operand_of(below, values), forest_.row_of(child), std::ssize(forest_.level(below)));
        if (slots_ == 0) parents_.push_back(static_cast<std::int64_t>(p));
      }
      for (; slot < slots_; ++slot) push(-1, -1, 0);
    }
    places_.insert(places_.end(), places_of_c_.begin(), places_of_c_.end());
  }
  std::span<const Var<T>> operands() const { return operands_; }
  Ids places() const { return places_; }
  /// Of child sums: which node of the level each child is of.
  Ids parents() const { return parents_; }

 private:
  void clear() {
    for (const std::int64_t level : used_) operand_of_[static_cast<std::size_t>(level)] = -1;
    used_.clear();
    operands_.clear();
    places_.clear();
    places_of_c_.clear();
    parents_.clear();
  }
  std::int64_t operand_of(std::int64_t level, std::span<const Var<T>> values) {
    std::int64_t& number = operand_of_[static_cast<std::size_t>(level)];
    if (number < 0) {
      number = std::ssize(operands_);
      operands_.push_back(values[static_cast<std::size_t>(level)]);
      used_.push_back(level);
    }
    return number;
  }
  void push(std::int64_t operand, std::int64_t row, std::int64_t rows_of_h) {
    places_.insert(places_.end(), {operand, row});
    places_of_c_.insert(places_of_c_.end(), {operand, row + rows_of_h});
  }

  const Forest& forest_;
  std::int64_t slots_;
  std::vector<std::int64_t> operand_of_;  // of each level, or -1
  std::vector<std::int64_t> used_, places_, places_of_c_, parents_;
  std::vector<Var<T>> operands_;
};

/// h, or from `part` 1 c, of all nodes by number.
template <Scalar T>
Var<T> by_node(const Forest& forest, std::span<const Var<T>> values, int part, Where where) {
  std::vector<std::int64_t> places;
  places.reserve(static_cast<std::size_t>(2 * forest.size()));
  for (std::int64_t i = 0; i < forest.size(); ++i) {
    const std::int64_t level = forest.level_of(i);
    places.insert(places.end(), {level, forest.row_of(i) + part * std::ssize(forest.level(level))});
  }
  return gather_rows(values, places, where);
}

}  // namespace

template <Scalar T>
void TreeLSTM<T>::check(const Var<T>& x, const Forest& forest) const {
  (void)detail::tape_of(x, "TreeLSTM");
  detail::require(x.shape() == Shape{forest.size(), input_}, ErrorCode::shape_mismatch, "TreeLSTM",
                  "x must be [{},{}], a row for each node; given {}", forest.size(), input_, x.shape());
  if (slots_ == 0) return;
  for (std::int64_t i = 0; i < forest.size(); ++i)
    for (const std::int64_t child : forest.children(i))
      detail::require(forest.slot_of(child) < slots_, ErrorCode::bad_argument, "TreeLSTM",
                      "\"{}\" has weights for {} children; node {} is child number {} of node {}", name_, slots_, child,
                      forest.slot_of(child), i);
}

template <Scalar T>
LSTMState<T> TreeLSTM<T>::operator()(const Var<T>& x, const Forest& forest, Where where) const try {
  check(x, forest);
  detail::TapeCore& tape = *x.tape();
  const LabelGuard scope = detail::enter_scope(tape, name_);
  if (forest.size() == 0) {
    const Var<T> none = new_zeros(x, {0, hidden_}, where);
    return {none, none};
  }
  const Var<T> xg = linear(index_select(x, 0, forest.order(), where), *weight_ih_, *bias_, where);
  const Var<T> childless = new_zeros(x, {0, hidden_}, where);
  std::vector<Var<T>> values;
  values.reserve(static_cast<std::size_t>(forest.levels()));
  LevelChildren<T> below(forest, slots_);
  std::int64_t first = 0;
  for (std::int64_t k = 0; k < forest.levels(); ++k) {
    const LabelGuard step = detail::enter_step(tape, k);
    const std::int64_t rows = std::ssize(forest.level(k));
    if (k > 0) below.collect(k, values);
    const Var<T> children = k == 0 ? childless : gather_rows(below.operands(), below.places(), where);
    values.push_back(tree_lstm_cell(slice(xg, 0, first, first + rows, where), children, *weight_hh_, *weight_fh_,
                                    static_cast<int>(slots_), below.parents(), where));
    first += rows;
  }
  return {by_node<T>(forest, values, 0, where), by_node<T>(forest, values, 1, where)};
} catch (const std::bad_alloc&) {
  detail::fail(ErrorCode::out_of_memory, "TreeLSTM", "memory for the places of children could not be had");
}

template class TreeLSTM<float>;
template class TreeLSTM<double>;
template class TreeLSTM<Dual<double>>;

}  // namespace unspool
