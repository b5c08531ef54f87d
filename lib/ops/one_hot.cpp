// op:    Var one_hot(const Var& x, std::int64_t classes)
// shape: y as x with a last axis of extent classes
// math:  y[..., k] = 1 where x[...] = k, else 0;  no gradient
// note:  The values of x are class ids: whole numbers in 0..classes-1. Throws index_out_of_range for any other.
#include <algorithm>

#include "ops/op.hpp"

namespace unspool {
namespace {

struct OneHot {
  static Shape infer(const InferArgs& a) {
    const Shape x = a.shape(0);
    const std::int64_t classes = a.integer(0);
    reject_unless(a, classes >= 1, ErrorCode::bad_argument, "needs one class or more; given {}", classes);
    reject_unless(a, x.rank() < Shape::max_rank, ErrorCode::bad_shape, "ids must leave room for an axis of classes");
    std::int64_t extents[Shape::max_rank];
    std::copy(x.extents().begin(), x.extents().end(), extents);
    extents[x.rank()] = classes;
    return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(x.rank() + 1)));
  }
  // The ids are values, so that this, and not infer, is where a wrong one shows.
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    const View<const T> x = a.x(0);
    const std::int64_t classes = a.integer(0);
    std::fill_n(a.y().data, a.y().size, T{0});
    for (std::int64_t i = 0; i < x.size; ++i) {
      const double id = maths::value(x[i]);
      if (!(id >= 0 && id < static_cast<double>(classes) && id == std::floor(id)))
        detail::fail_call(a.call(), ErrorCode::index_out_of_range,
                          fmt::format("ids must be whole numbers in 0..{}; element {} is {}", classes - 1, i, id));
      a.y()[i * classes + static_cast<std::int64_t>(id)] = T{1};
    }
  }
};

}  // namespace

constinit const OpRule one_hot_rule =
    make_rule<OneHot>({.name = "one_hot",
                       .arity = 1,
                       .reads = Reads::neither,
                       .attrs = "classes:int",
                       .samples = "[3]! in 2..2 classes=5; [2,3]! in 0..0 classes=3; [2,0,3]! classes=2;"
                                  "[1]! in 0..0 classes=1; []! in 4..4 classes=5"});

Handle detail::one_hot(const Handle& x, std::int64_t classes, Where where) {
  return record(one_hot_rule, {x}, Attrs(classes), where);
}

}  // namespace unspool
