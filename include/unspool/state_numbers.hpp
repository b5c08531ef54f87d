// A state apart from any tape: what carries a recurrence over steps that are recorded one at a time.
#pragma once

#include <vector>

#include "unspool/ops.hpp"
#include "unspool/unroll.hpp"

namespace unspool::detail {

/// Throws bad_argument unless the parts of a state have at least one row and value between them, all as many rows.
UNSPOOL_API void check_state_parts(std::span<const Shape> parts);
/// Throws shape_mismatch unless x is [rows,...].
UNSPOOL_API void check_input_rows(const Shape& x, std::int64_t rows);
/// A variable or a trained parameter leads to x.
UNSPOOL_API bool wants_gradient(const Handle& x);

/// The numbers of a state whose parts are [B,...], S of them a row. Lists of all of a row's numbers go part by part.
template <Scalar T, class State>
class StateNumbers {
 public:
  explicit StateNumbers(const State& state) : layout_(state) {
    std::vector<Shape> shapes;
    for_each_var(layout_, [&](Var<T>& v) {
      shapes.push_back(v.shape());
      parts_.push_back(v.tensor());
    });
    check_state_parts(shapes);
    for (const Tensor<T>& part : parts_) width_ += part_width(part);
  }

  std::int64_t batch() const { return parts_.front().shape()[0]; }
  std::int64_t width() const { return width_; }
  const std::vector<Tensor<T>>& parts() const { return parts_; }

  /// `copies` of rows [first, first + rows) as variables.
  State variables(Tape<T>& tape, std::int64_t first, std::int64_t rows, std::int64_t copies = 1) const {
    State state = layout_;
    std::size_t part = 0;
    for_each_var(state, [&](Var<T>& v) { v = tape.variable(copied_rows(parts_[part++], first, rows, copies)); });
    return state;
  }
  /// The same rows of another tensor, x.
  static Tensor<T> copied_rows(const Tensor<T>& x, std::int64_t first, std::int64_t rows, std::int64_t copies) {
    const auto width = static_cast<std::size_t>(part_width(x));
    const auto from =
        x.values().subspan(static_cast<std::size_t>(first) * width, static_cast<std::size_t>(rows) * width);
    std::vector<T> values;
    values.reserve(from.size() * static_cast<std::size_t>(copies));
    for (std::int64_t k = 0; k < copies; ++k) values.insert(values.end(), from.begin(), from.end());
    std::vector<std::int64_t> extents(x.shape().extents().begin(), x.shape().extents().end());
    extents[0] = rows * copies;
    return Tensor<T>(Shape(extents), std::move(values));
  }

  /// The numbers of the next state, of the same shapes. Throws shape_mismatch.
  StateNumbers with(State& next) const {
    check_parts(var_count(next), static_cast<std::int64_t>(parts_.size()));
    StateNumbers numbers = *this;
    std::size_t part = 0;
    for_each_var(next, [&](const Var<T>& v) { numbers.parts_[part++] = v.tensor(); });
    return numbers;
  }

  /// The sum over all parts of part * weights, with weights [rows,S]; an empty Var where no gradient leads there.
  Var<T> weighted_sum(Tape<T>& tape, State& state, std::span<const T> weights) const {
    Var<T> total;
    std::int64_t at = 0;
    for_each_var(state, [&](const Var<T>& v) {
      const std::int64_t width = v.size() / v.shape()[0];
      if (wants_gradient(v)) {
        const Var<T> term = sum(v * tape.input(v.shape(), columns(weights, at, width)));
        total = total.empty() ? term : total + term;
      }
      at += width;
    });
    return total;
  }

  /// What a walk left at a state of variables(), [rows,S].
  std::vector<T> gradients(State& state) const {
    std::vector<T> all;
    std::int64_t at = 0;
    for_each_var(state, [&](const Var<T>& v) {
      const std::int64_t rows = v.shape()[0], width = v.size() / rows;
      all.resize(static_cast<std::size_t>(rows * width_));
      const std::span<const T> grad = v.grad();
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < width; ++c)
          all[static_cast<std::size_t>(r * width_ + at + c)] = grad[static_cast<std::size_t>(r * width + c)];
      at += width;
    });
    return all;
  }

 private:
  static std::int64_t part_width(const Tensor<T>& part) { return part.size() / part.shape()[0]; }
  std::vector<T> columns(std::span<const T> rows, std::int64_t first, std::int64_t count) const {
    std::vector<T> values;
    for (std::size_t row = 0; row < rows.size(); row += static_cast<std::size_t>(width_)) {
      const auto from = rows.subspan(row + static_cast<std::size_t>(first), static_cast<std::size_t>(count));
      values.insert(values.end(), from.begin(), from.end());
    }
    return values;
  }

  State layout_;
  std::vector<Tensor<T>> parts_;
  std::int64_t width_ = 0;
};

/// One step of a cell as unroll() would take it: the output, and `state` becomes the next.
template <Scalar T, class Cell, class State>
Var<T> single_step(Cell& cell, const Var<T>& x, State& state) {
  using Plain = std::remove_reference_t<Cell>;
  const Where where = Where::current();
  const Var<T> input = cell_input<State>(cell, x, where);
  return accept<Plain, T>(cell_step(cell, input, state, where), state);
}

/// ds_t/ds_(t-1) of row `row`, [S,S], by one walk over S copies of it, each of which seeds one of the state's numbers.
template <Scalar T, class Cell, class State>
std::vector<T> step_jacobian(Tape<T>& tape, Cell& cell, const Tensor<T>& x, const StateNumbers<T, State>& numbers,
                             std::int64_t row) {
  const std::int64_t S = numbers.width();
  State before = numbers.variables(tape, row, 1, S), after = before;
  single_step<T>(cell, tape.input(numbers.copied_rows(x, row, 1, S)), after);
  std::vector<T> identity(static_cast<std::size_t>(S * S));
  for (std::int64_t i = 0; i < S; ++i) identity[static_cast<std::size_t>(i * (S + 1))] = 1;
  const Var<T> total = numbers.weighted_sum(tape, after, identity);
  if (total.empty()) return std::vector<T>(identity.size());
  tape.backward(total);
  return numbers.gradients(before);
}

}  // namespace unspool::detail
