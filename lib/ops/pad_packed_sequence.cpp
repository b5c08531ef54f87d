// op:    Var pad_packed_sequence(const Var& x, double padding, std::int64_t steps, const Ids& layout)
// shape: x [N,...] in the order of pack_padded_sequence; steps = T; layout is the B lengths, each in 0..T, followed by
//        the B rows in order of decreasing length; y [T,B,...]
// math:  y = x where a row has a step, `padding` elsewhere;  dx = dy at those places
// note:  What us::Sequence::padded() records. Where every row has T steps y is a view of x.
#include "ops/packed.hpp"

namespace unspool {
namespace {

struct PadPackedSequence {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    reject_unless(a, x.rank() >= 1 && x.rank() < Shape::max_rank, ErrorCode::shape_mismatch,
                  "x must be [N,...], with at most {} axes", Shape::max_rank - 1);
    const PackedLayout layout = check_layout(a, 1, static_cast<std::int64_t>(a.list(2).size() / 2));
    reject_unless(a, layout.total() == x[0], ErrorCode::shape_mismatch,
                  "x must have as many rows as the lengths have steps in all, {}", layout.total());
    return with_leading({layout.steps, layout.batch()}, x, 1);
  }
  static std::int64_t view(const InferArgs& a) {
    const PackedLayout layout(a, 1);
    return layout.dense() && (layout.batch() == 0 || layout.lengths[0] == layout.steps) ? 0 : -1;
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const PackedLayout layout(a, 1);
    const std::int64_t width = along(a.x(0).dims(), 0).after;
    const T* x = a.x(0).data;
    T* const y = a.y().data;
    std::fill_n(y, a.y().size, static_cast<T>(a.real(0)));
    layout.for_each_step([&](std::int64_t t, std::int64_t, std::int64_t alive) {
      for (std::int64_t i = 0; i < alive; ++i, x += width)
        copy_blocks<T>(1, width, x, width, y + (t * layout.batch() + layout.order[static_cast<std::size_t>(i)]) * width,
                       width);
    });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    const PackedLayout layout(a, 1);
    const std::int64_t width = along(a.x(0).dims(), 0).after;
    bool first;
    T* dx = a.dx(0).touch(first);
    if (dx == nullptr) return;
    const T* const dy = a.dy().data;
    layout.for_each_step([&](std::int64_t t, std::int64_t, std::int64_t alive) {
      for (std::int64_t i = 0; i < alive; ++i, dx += width)
        (first ? copy_blocks<T>
               : add_blocks<T>)(1, width, dy + (t * layout.batch() + layout.order[static_cast<std::size_t>(i)]) * width,
                                width, dx, width);
    });
  }
};

}  // namespace

constinit const OpRule pad_packed_sequence_rule = make_rule<PadPackedSequence>(
    {.name = "pad_packed_sequence",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "padding:real, steps:int, layout:list",
     .samples =
         "[4,4] padding=0 steps=3 layout=[1,3,1,0]; [6,2] padding=-1.5 steps=5 layout=[2,0,4,2,0,1];"
         "[5,9] padding=0 steps=2 layout=[2,1,2,2,0,1]; [6,2] padding=7 steps=3 layout=[3,3,0,1]; [3] padding=1 "
         "steps=2 layout=[2,1,0,1]; [0,3] padding=0 steps=2 layout=[0,0,0,1]; [0,3] padding=0 steps=0 layout=[0,0];"
         "[0,3] padding=0 steps=2 layout=[]; [3,0] padding=0 steps=2 layout=[1,2,1,0]"});

Handle detail::pad_packed_sequence(const Handle& x, double padding, std::int64_t steps, const Ids& layout,
                                   Where where) {
  return record(pad_packed_sequence_rule, {x}, Attrs(padding, steps).with(layout), where);
}

}  // namespace unspool
