// op:    Var locked_dropout(const Var& x, double p, const Ids& rows)
// shape: x [N,...]; rows has N ids; y as x
// math:  y_i = x_i * m(rows_i) / (1 - p), where each element of the mask m(id) is 0 with probability p, else 1;
//        dx_i = dy_i * m(rows_i) / (1 - p)
// note:  For training. Rows of one id share one mask: with the row of the batch as id, all steps of a sequence do
//        (Gal and Ghahramani, NeurIPS 2016). Ids must not be negative.
#include "ops/random_mask.hpp"

namespace unspool {
namespace {

constexpr int first_row = 3;  // attribute words before the ids

template <class T>
void drop(const detail::ArgsBase& a, const Shape& shape, const T* from, T* to, bool accumulate) {
  if (shape.size() == 0) return;
  const auto rows = a.list(first_row);
  const std::int64_t width = shape.size() / shape[0];
  const RandomMask mask(a);
  for (const std::int64_t row : rows) {
    mask.drop(row, width, from, to, accumulate);
    from += width, to += width;
  }
}

struct LockedDropout {
  static Shape infer(const InferArgs& a) {
    check_probability(a);
    const Shape x = a.shape(0);
    const auto rows = a.list(first_row);
    reject_unless(a, x.rank() >= 1 && x[0] == static_cast<std::int64_t>(rows.size()), ErrorCode::shape_mismatch,
                  "needs one id for each row of x; given {}", rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      reject_unless(a, rows[i] >= 0 && rows[i] < (std::int64_t{1} << 32), ErrorCode::index_out_of_range,
                    "ids must be in 0..2^32-1; the id at position {} is {}", i, rows[i]);
    return x;
  }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    drop(a, a.call().node->shape(), a.x(0).data, a.y().data, false);
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    T* const dx = a.dx(0).touch(first);
    if (dx != nullptr) drop(a, a.call().node->shape(), a.dy().data, dx, !first);
  }
};

}  // namespace

constinit const OpRule locked_dropout_rule = make_rule<LockedDropout>(
    {.name = "locked_dropout",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "p:real, seed:int, draw:int, rows:list",
     .samples = "[5,3] p=0.5 seed=7 draw=0 rows=[1,0,1,2,0]; [3,70] p=0.2 seed=7 draw=3 rows=[4,4,4];"
                "[2,2,3] p=0.5 seed=1 draw=1 rows=[0,1]; [3,4] p=0 seed=1 draw=0 rows=[0,1,2];"
                "[3,4] p=1 seed=1 draw=0 rows=[0,1,2]; [0,3] p=0.5 seed=1 draw=0 rows=[]; [1] p=0.5 seed=1 draw=2 "
                "rows=[0]; [2,0] p=0.5 seed=1 draw=0 rows=[0,0]"});

Handle detail::locked_dropout(const Handle& x, double p, const Ids& rows, Where where) {
  return record(locked_dropout_rule, {x}, mask_attrs(x, p).with(rows), where);
}

}  // namespace unspool
