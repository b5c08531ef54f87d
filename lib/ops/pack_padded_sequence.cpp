// op:    Var pack_padded_sequence(const Var& x, std::int64_t steps, const Ids& layout)
// shape: x [T,B,...], steps = T; layout is the B lengths, each in 0..T, followed by the B rows in order of decreasing
//        length; y [N,...], N the sum of the lengths
// math:  y = the steps of x before each row's end, time first, longest row first;  dx = dy there, 0 in the padding
// note:  What us::Sequence records, which finds the order by itself. The padding is never read. Where all rows have one
//        length y is a view of x.
#include "ops/packed.hpp"

namespace unspool {
namespace {

struct PackPaddedSequence {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    reject_unless(a, x.rank() >= 2, ErrorCode::shape_mismatch, "x must be [T,B,...], time first");
    reject_unless(a, a.integer(0) == x[0], ErrorCode::bad_argument, "steps must be x's first extent, {}; given {}",
                  x[0], a.integer(0));
    return with_leading({check_layout(a, 0, x[1]).total()}, x, 2);
  }
  static std::int64_t view(const InferArgs& a) { return PackedLayout(a, 0).dense() ? 0 : -1; }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const PackedLayout layout(a, 0);
    const std::int64_t width = along(a.y().dims(), 0).after;
    const T* const x = a.x(0).data;
    T* y = a.y().data;
    layout.for_each_step([&](std::int64_t t, std::int64_t, std::int64_t alive) {
      for (std::int64_t i = 0; i < alive; ++i, y += width)
        copy_blocks<T>(1, width, x + (t * layout.batch() + layout.order[static_cast<std::size_t>(i)]) * width, width, y,
                       width);
    });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const PackedLayout layout(a, 0);
    const View<T> dx = a.dx(0).accumulator();
    if (dx.data == nullptr) return;
    const std::int64_t width = along(a.dy().dims(), 0).after;
    const T* dy = a.dy().data;
    layout.for_each_step([&](std::int64_t t, std::int64_t, std::int64_t alive) {
      for (std::int64_t i = 0; i < alive; ++i, dy += width)
        add_blocks<T>(1, width, dy, width,
                      dx.data + (t * layout.batch() + layout.order[static_cast<std::size_t>(i)]) * width, width);
    });
  }
};

}  // namespace

constinit const OpRule pack_padded_sequence_rule = make_rule<PackPaddedSequence>(
    {.name = "pack_padded_sequence",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "steps:int, layout:list",
     .samples = "[3,2,4] steps=3 layout=[1,3,1,0]; [4,3,2] steps=4 layout=[2,0,4,2,0,1]; [2,3,9] steps=2 "
                "layout=[2,1,2,2,0,1]; [3,2,2] steps=3 layout=[2,2,0,1]; [3,2] steps=3 layout=[2,3,1,0];"
                "[2,1,1,2] steps=2 layout=[1,0]; [2,2,3] steps=2 layout=[0,0,0,1]; [0,2,3] steps=0 layout=[0,0,0,1];"
                "[2,0,3] steps=2 layout=[]; [2,2,0] steps=2 layout=[1,2,1,0]"});

Handle detail::pack_padded_sequence(const Handle& x, std::int64_t steps, const Ids& layout, Where where) {
  return record(pack_padded_sequence_rule, {x}, Attrs(steps).with(layout), where);
}

}  // namespace unspool
