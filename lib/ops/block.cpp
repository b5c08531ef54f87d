// op:    Var block(const Vars& xs, int columns)
// shape: xs are the blocks of a matrix, row by row, `columns` of them in each row of blocks: x_(i,j) is [n_i,m_j];
//        y [sum of n_i, sum of m_j]
// math:  y = the blocks put together;  dx_(i,j) = the part of dy that x_(i,j) became
// note:  NumPy's block for matrices. Outputs of two directions become [N,2H] in one copy.
#include "ops/blocks.hpp"
#include "ops/op.hpp"

namespace unspool {
namespace {

// Calls f(operand, rows, width, position in y of its first element), block by block.
template <class Extent, class F>
void for_each_block(int count, int columns, std::int64_t total_width, Extent extent, F f) {
  std::int64_t row = 0;
  for (int first = 0; first < count; first += columns) {
    std::int64_t column = 0;
    const std::int64_t rows = extent(first, 0);
    for (int k = first; k < first + columns; ++k) {
      const std::int64_t width = extent(k, 1);
      f(k, rows, width, row * total_width + column);
      column += width;
    }
    row += rows;
  }
}

struct Block {
  static Shape infer(const InferArgs& a) {
    const std::int64_t columns = a.integer(0);
    reject_unless(a, columns > 0 && a.arity() % columns == 0, ErrorCode::bad_argument,
                  "columns must be above 0 and divide the number of operands, {}; given {}", a.arity(), columns);
    std::int64_t height = 0, width = 0;
    for (int k = 0; k < a.arity(); ++k) {
      const Shape x = a.shape(k);
      reject_unless(a, x.rank() == 2, ErrorCode::shape_mismatch, "operands must be matrices; number {} is {}", k, x);
      const int row_first = static_cast<int>(k / columns * columns), column_first = static_cast<int>(k % columns);
      reject_unless(a, x[0] == a.shape(row_first)[0] && x[1] == a.shape(column_first)[1], ErrorCode::shape_mismatch,
                    "blocks of one row must be as high, and of one column as wide, as the first; number {} is {}", k,
                    x);
      if (column_first == 0) height += x[0];
      if (row_first == 0) width += x[1];
    }
    return {height, width};
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const std::int64_t total = a.y().extent(1);
    for_each_block(
        a.arity(), static_cast<int>(a.integer(0)), total, [&](int k, int axis) { return a.x(k).extent(axis); },
        [&](int k, std::int64_t rows, std::int64_t width, std::int64_t at) {
          copy_blocks(rows, width, a.x(k).data, width, a.y().data + at, total);
        });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const std::int64_t total = a.dy().extent(1);
    for_each_block(
        a.arity(), static_cast<int>(a.integer(0)), total, [&](int k, int axis) { return a.x(k).extent(axis); },
        [&](int k, std::int64_t rows, std::int64_t width, std::int64_t at) {
          add_blocks_to(a.dx(k), rows, width, a.dy().data + at, total);
        });
  }
};

}  // namespace

constinit const OpRule block_rule = make_rule<Block>(
    {.name = "block",
     .arity = -1,
     .reads = Reads::neither,
     .attrs = "columns:int",
     .samples = "[3,2] [3,4] [1,2] [1,4] columns=2; [2,9] [2,9] columns=2; [2,3] [1,3] columns=1; [1,1] columns=1;"
                "[0,2] [0,3] columns=2; [2,0] [2,3] columns=2; [2,2] [2,2] [2,2] [2,2] columns=2"});

Handle detail::block(std::span<const Handle> xs, int columns, Where where) {
  return record(block_rule, xs, Attrs(columns), where);
}

}  // namespace unspool
