// op:    Var packed_sequence(const Var& x, std::int64_t steps, const Ids& layout)
// shape: x [N,...] in the order of pack_padded_sequence; layout is the B lengths, each in 0..steps, followed by the B
//        rows in order of decreasing length; y as x
// math:  y = x;  dx = dy
// note:  What us::Sequence::from_packed() records: a view that carries the layout.
#include "ops/packed.hpp"

namespace unspool {
namespace {

struct PackedSequence {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    reject_unless(a, x.rank() >= 1, ErrorCode::shape_mismatch, "x must be [N,...]");
    const PackedLayout layout = check_layout(a, 0, static_cast<std::int64_t>(a.list(1).size() / 2));
    reject_unless(a, layout.total() == x[0], ErrorCode::shape_mismatch,
                  "x must have as many rows as the lengths have steps in all, {}", layout.total());
    return x;
  }
  static std::int64_t view(const InferArgs&) { return 0; }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }
};

}  // namespace

constinit const OpRule packed_sequence_rule = make_rule<PackedSequence>(
    {.name = "packed_sequence",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "steps:int, layout:list",
     .samples = "[4,4] steps=3 layout=[1,3,1,0]; [6] steps=4 layout=[2,0,4,2,0,1]; [1,1] steps=1 layout=[1,0];"
                "[0,3] steps=2 layout=[0,0,0,1]; [0,3] steps=0 layout=[]"});

Handle detail::packed_sequence(const Handle& x, std::int64_t steps, const Ids& layout, Where where) {
  return record(packed_sequence_rule, {x}, Attrs(steps).with(layout), where);
}

}  // namespace unspool
