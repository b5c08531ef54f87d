#include "unspool/decoder.hpp"

#include "base/check.hpp"
#include "unspool/ops.hpp"

namespace unspool {

void detail::check_decoder(std::int64_t input, std::int64_t hidden, std::int64_t context, const char* op) {
  require(input > 0 && hidden > 0 && context > 0, ErrorCode::bad_argument, op,
          "the widths of input, hidden and context must be above 0; given {}, {} and {}", input, hidden, context);
}

void detail::check_width(const Handle& x, std::int64_t rows, std::int64_t width, const char* op, const char* what) {
  const Shape shape = shape_of(x);
  require(shape.rank() == 2 && shape[1] == width && (rows < 0 || shape[0] == rows), ErrorCode::shape_mismatch, op,
          "{} must be [{},{}]; it is {}", what, rows < 0 ? std::string("B") : std::to_string(rows), width, shape);
}

template <Scalar T>
Sequence<T> at_every_step(const Var<T>& context, const Sequence<T>& xs, Where where) {
  detail::TapeCore& tape = detail::tape_of(xs.packed(), "at_every_step");
  detail::check_rows(context, xs.batch(), "the context");
  const detail::Scratch<std::int64_t> rows(tape, xs.total());
  detail::packed_rows(xs.lengths(), xs.sorted_indices(), {rows.begin(), rows.size()});
  return xs.with(index_select(context, 0, Ids(rows), where));
}

template Sequence<float> at_every_step(const Var<float>&, const Sequence<float>&, Where);
template Sequence<double> at_every_step(const Var<double>&, const Sequence<double>&, Where);
template Sequence<Dual<double>> at_every_step(const Var<Dual<double>>&, const Sequence<Dual<double>>&, Where);

}  // namespace unspool
