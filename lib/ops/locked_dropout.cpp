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

template <class T, class Write>
void apply(const RandomMask& mask, std::span<const std::int64_t> rows, std::int64_t width, const T* from, Write write) {
  const T scale = static_cast<T>(mask.scale());
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::int64_t at = static_cast<std::int64_t>(r) * width;
    mask.each(rows[r], width,
              [&](std::int64_t i, bool dropped) { write(at + i, dropped ? T{0} : from[at + i] * scale); });
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
    T* const y = a.y().data;
    const auto rows = a.list(first_row);
    if (a.y().size == 0) return;
    apply(RandomMask(a), rows, a.y().size / a.y().extent(0), a.x(0).data, [y](std::int64_t i, T v) { y[i] = v; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const View<const T> dy = a.dy();
    bool first;
    T* const dx = a.dx(0).touch(first);
    if (dx == nullptr || dy.size == 0) return;
    const auto rows = a.list(first_row);
    const std::int64_t width = dy.size / dy.extent(0);
    if (first)
      apply(RandomMask(a), rows, width, dy.data, [dx](std::int64_t i, T v) { dx[i] = v; });
    else
      apply(RandomMask(a), rows, width, dy.data, [dx](std::int64_t i, T v) { dx[i] += v; });
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
