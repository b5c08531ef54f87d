// op:    Var gather_rows(const Vars& xs, Ids places)
// shape: xs agree on every axis but the first; places are pairs (number of an x, row of it), y has a row for each pair
// math:  y_i = row places[2i+1] of xs[places[2i]], zeros where both are -1;  dx_k = each row's sum of the dy_i it became
// note:  index_select over several tensors that were not put together first: what a tree does at each level.
#include "ops/blocks.hpp"
#include "ops/op.hpp"

namespace unspool {
namespace {

void check_operands(const InferArgs& a) {
  const Shape first = a.shape(0);
  reject_unless(a, first.rank() >= 1, ErrorCode::shape_mismatch, "operands need one axis or more");
  for (int i = 1; i < a.arity(); ++i) {
    const Shape x = a.shape(i);
    const bool agree =
        x.rank() == first.rank() && std::equal(x.extents().begin() + 1, x.extents().end(), first.extents().begin() + 1);
    reject_unless(a, agree, ErrorCode::shape_mismatch,
                  "operands must agree on every axis but 0; the first is {} and number {} is {}", first, i, x);
  }
}

struct GatherRows {
  static Shape infer(const InferArgs& a) {
    check_operands(a);
    const auto places = a.list(0);
    reject_unless(a, places.size() % 2 == 0, ErrorCode::bad_argument, "places must be pairs; given {} numbers",
                  places.size());
    for (std::size_t i = 0; i < places.size(); i += 2) {
      const std::int64_t x = places[i], row = places[i + 1];
      const bool exists = x >= 0 && x < a.arity() && row >= 0 && row < a.shape(static_cast<int>(x))[0];
      reject_unless(a, exists || (x == -1 && row == -1), ErrorCode::index_out_of_range,
                    "places must name a row of an operand, or -1 and -1; pair {} is {} of {} operands, row {}", i / 2,
                    x, a.arity(), row);
    }
    std::int64_t extents[Shape::max_rank];
    const Shape first = a.shape(0);
    std::copy(first.extents().begin(), first.extents().end(), extents);
    extents[0] = static_cast<std::int64_t>(places.size() / 2);
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(first.rank())));
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const auto places = a.list(0);
    const View<T> y = a.y();
    if (y.size == 0) return;
    const std::int64_t width = y.size / y.extent(0);
    T* to = y.data;
    for (std::size_t i = 0; i < places.size(); i += 2, to += width) {
      if (places[i] < 0)
        std::fill_n(to, width, T(0));
      else
        copy_blocks<T>(1, width, a.x(static_cast<int>(places[i])).data + places[i + 1] * width, width, to, width);
    }
  }

  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const auto places = a.list(0);
    const View<const T> dy = a.dy();
    if (dy.size == 0) return;
    const std::int64_t width = dy.size / dy.extent(0);
    const T* from = dy.data;
    for (std::size_t i = 0; i < places.size(); i += 2, from += width) {
      if (places[i] < 0) continue;
      if (T* const dx = a.dx(static_cast<int>(places[i])).accumulator().data)
        add_blocks<T>(1, width, from, width, dx + places[i + 1] * width, width);
    }
  }
};

}  // namespace

constinit const OpRule gather_rows_rule = make_rule<GatherRows>(
    {.name = "gather_rows",
     .arity = -1,
     .reads = Reads::neither,
     .attrs = "places:list",
     .samples =
         "[2,3] [4,3] [1,3] places=[1,3,0,0,1,3,2,0,-1,-1]; [3] places=[0,2,0,0]; [2,9,2] [1,9,2] places=[1,0,0,1];"
         "[2,3] [0,3] places=[0,1]; [2,2] [3,2] places=[]; [2,0] [1,0] places=[1,0,0,0,0,1]; [1] places=[-1,-1]"});

Handle detail::gather_rows(std::span<const Handle> xs, Ids places, Where where) {
  return record(gather_rows_rule, xs, Attrs().with(places), where);
}

}  // namespace unspool
