#include "unspool/sequence.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "sequence/layout.hpp"
#include "unspool/ops.hpp"

namespace unspool {
namespace {

constexpr const char* name = "Sequence";

// The lengths that batch sizes mean, for rows in the given order.
void set_batch_sizes(detail::Layout& layout, const Ids& batch_sizes, const Ids& sorted_indices) {
  const std::int64_t batch = layout.batch();
  const auto lengths = layout.lengths(), order = layout.order();
  for (std::int64_t i = 0; i < batch; ++i) {
    const std::int64_t row = sorted_indices.size() == 0 ? i : sorted_indices[i];
    detail::require(row >= 0 && row < batch, ErrorCode::index_out_of_range, name,
                    "sorted_indices must be in 0..{}; entry {} is {}", batch - 1, i, row);
    order[static_cast<std::size_t>(i)] = row;
  }
  std::int64_t ended = batch;  // packed rows from here on have their lengths
  const auto end = [&](std::int64_t alive, std::int64_t length) {
    while (ended > alive) lengths[static_cast<std::size_t>(order[static_cast<std::size_t>(--ended)])] = length;
  };
  for (std::int64_t t = 0; t < batch_sizes.size(); ++t) {
    const std::int64_t size = batch_sizes[t];
    detail::require(size >= 0 && size <= ended, ErrorCode::bad_argument, name,
                    "batch_sizes must not be negative, not grow, and be at most the number of rows, {}; that of step "
                    "{} is {}",
                    batch, t, size);
    end(size, t);
  }
  end(0, batch_sizes.size());
}

}  // namespace

template <Scalar T>
Sequence<T>::Sequence(Located<T> x) {
  detail::TapeCore& tape = detail::tape_of(x.operand, name);
  const Shape shape = detail::shape_of(x.operand);
  const std::int64_t steps = shape.rank() < 2 ? 0 : shape[0], batch = shape.rank() < 2 ? 0 : shape[1];
  detail::Layout layout(tape, batch);
  for (std::int64_t b = 0; b < batch; ++b) layout[b] = steps, layout[batch + b] = b;
  data_ = pack_padded_sequence(x.operand, steps, Ids(layout), x.where);
  layout_ = data_;
}

template <Scalar T>
Sequence<T>::Sequence(const Var<T>& x, const Ids& lengths, Where where) {
  const detail::Layout layout(detail::tape_of(x, name), lengths);
  const Shape shape = x.shape();
  data_ = pack_padded_sequence(x, shape.rank() == 0 ? 0 : shape[0], Ids(layout), where);
  layout_ = data_;
}

template <Scalar T>
Sequence<T> Sequence<T>::from_packed(const Var<T>& data, const Ids& batch_sizes, const Ids& sorted_indices,
                                     Where where) {
  const std::int64_t first = batch_sizes.size() == 0 ? 0 : batch_sizes[0];
  const std::int64_t batch = sorted_indices.size() == 0 ? std::max<std::int64_t>(first, 0) : sorted_indices.size();
  detail::require(batch <= std::max(data.shape().rank() == 0 ? 0 : data.shape()[0], sorted_indices.size()),
                  ErrorCode::shape_mismatch, name,
                  "batch_sizes must add up to the rows of the data {}; the first is {}", data.shape().to_string(),
                  first);
  detail::Layout layout(detail::tape_of(data, name), batch);
  set_batch_sizes(layout, batch_sizes, sorted_indices);
  const Var<T> packed = packed_sequence(data, batch_sizes.size(), Ids(layout), where);
  return made(packed, packed);
}

template <Scalar T>
Sequence<T> Sequence<T>::from_lengths(const Var<T>& data, std::int64_t steps, const Ids& lengths, Where where) {
  const detail::Layout layout(detail::tape_of(data, name), lengths);
  const Var<T> packed = packed_sequence(data, steps, Ids(layout), where);
  return made(packed, packed);
}

template <Scalar T>
std::vector<std::int64_t> Sequence<T>::batch_sizes() const {
  const auto lengths = this->lengths(), order = sorted_indices();
  std::vector<std::int64_t> sizes;
  if (order.empty()) return sizes;
  sizes.resize(static_cast<std::size_t>(lengths[static_cast<std::size_t>(order.front())]));
  for (const std::int64_t length : lengths)
    for (std::int64_t t = 0; t < length; ++t) ++sizes[static_cast<std::size_t>(t)];
  return sizes;
}

template <Scalar T>
Var<T> Sequence<T>::padded(double padding, Where where) const {
  return pad_packed_sequence(data_, padding, steps(), Ids(layout().subspan(1)), where);
}

template <Scalar T>
Sequence<T> Sequence<T>::with(const Var<T>& data) const {
  const Shape given = data.shape();
  detail::require(given.rank() >= 1 && given[0] == total(), ErrorCode::shape_mismatch, name,
                  "needs a row for each of its {} steps; given {}", total(), given);
  return made(data, layout_);
}

template <Scalar T>
std::vector<std::int64_t> Sequence<T>::pack(const Ids& padded) const {
  std::vector<std::int64_t> packed(static_cast<std::size_t>(total()));
  detail::pack_ids(lengths(), sorted_indices(), steps(), padded, packed);
  return packed;
}

template <Scalar T>
bool Sequence<T>::same_lengths(const Sequence& other) const {
  return std::ranges::equal(lengths(), other.lengths()) && std::ranges::equal(sorted_indices(), other.sorted_indices());
}

template <Scalar T>
Sequence<T> concat(const Sequence<T>& a, const Sequence<T>& b, Where where) {
  detail::require(a.same_lengths(b), ErrorCode::shape_mismatch, "concat",
                  "both sequences must have the same lengths in the same order; given {} and {}", a.lengths(),
                  b.lengths());
  return a.with(concat({a.packed(), b.packed()}, -1, where));
}

template class Sequence<float>;
template class Sequence<double>;
template class Sequence<Dual<double>>;
template Sequence<float> concat(const Sequence<float>&, const Sequence<float>&, Where);
template Sequence<double> concat(const Sequence<double>&, const Sequence<double>&, Where);
template Sequence<Dual<double>> concat(const Sequence<Dual<double>>&, const Sequence<Dual<double>>&, Where);

namespace detail {

void pack_ids(std::span<const std::int64_t> lengths, std::span<const std::int64_t> order, std::int64_t steps,
              const Ids& padded, std::span<std::int64_t> packed) {
  const auto batch = static_cast<std::int64_t>(lengths.size());
  require(padded.size() == steps * batch, ErrorCode::shape_mismatch, name,
          "needs a number for every step and row, padding included, [{},{}]; given {}", steps, batch, padded.size());
  std::size_t to = 0;
  for (std::int64_t t = 0; to < packed.size(); ++t)
    for (const std::int64_t row : order) {
      if (lengths[static_cast<std::size_t>(row)] <= t) break;
      packed[to++] = padded[t * batch + row];
    }
}

}  // namespace detail

}  // namespace unspool
