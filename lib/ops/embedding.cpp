// op:    Var embedding(const Var& weight, Ids ids)
// op:    Var embedding(const Var& weight, Ids ids, const Shape& ids_shape)
// shape: weight [V,D]; y [ids.size(),D] or, with a shape for the ids, ids_shape followed by D
// math:  y_i = weight[ids_i];  dweight_v = the sum of dy_i over the i with ids_i = v
// note:  The weight must be on a tape: pass tape.parameter(weight). A parameter's rows are added at the end of
// backward().
#include "ops/blocks.hpp"
#include "ops/id_list.hpp"

namespace unspool {
namespace {

struct Embedding {
  static Shape infer(const InferArgs& a) {
    const Shape w = a.shape(0), ids = id_shape(a, 0);
    reject_unless(a, w.rank() == 2, ErrorCode::shape_mismatch, "the weight must have two axes, [V,D]");
    reject_unless(a, ids.rank() < Shape::max_rank, ErrorCode::bad_shape, "ids can have {} axes at most",
                  Shape::max_rank - 1);
    check_ids(a, ids_of(a, 0), w[0]);
    std::int64_t extents[Shape::max_rank];
    std::copy(ids.extents().begin(), ids.extents().end(), extents);
    extents[ids.rank()] = w[1];
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(ids.rank() + 1)));
  }
  static std::int64_t flops(const InferArgs&, const Shape&) { return 0; }

  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const std::int64_t width = a.x(0).extent(1);
    T* y = a.y().data;
    for (const std::int64_t id : ids_of(a, 0)) {
      copy_blocks<T>(1, width, a.x(0).data + id * width, width, y, width);
      y += width;
    }
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    a.dx(0).add_rows(ids_of(a, 0), a.dy());
  }
};

}  // namespace

constinit const OpRule embedding_rule = make_rule<Embedding>(
    {.name = "embedding",
     .arity = 1,
     .reads = Reads::neither,
     .attrs = "ids_rank:int, ids:list",
     .samples = "[4,3] ids_rank=1 ids=[3,2,0,2]; [4,9] ids_rank=2 ids=[2,3,1,1,0,3,1,2]; [2,1] ids_rank=0 ids=[1];"
                "[1,1] ids_rank=1 ids=[1,0]; [4,3] ids_rank=1 ids=[0]; [4,0] ids_rank=1 ids=[2,1,3]"});

Handle detail::embedding(const Handle& weight, Ids ids, Where where) {
  return embedding(weight, ids, Shape{ids.size()}, where);
}

Handle detail::embedding(const Handle& weight, Ids ids, const Shape& ids_shape, Where where) {
  Attrs attrs;
  push_shape(attrs, ids_shape);
  return record(embedding_rule, {weight}, attrs.with(ids), where);
}

}  // namespace unspool
