// Ids of any shape as an op's attributes: one word for their rank, then a list of that many extents and the ids
// themselves, row-major.
#pragma once

#include "ops/op.hpp"

namespace unspool {

inline void push_shape(Attrs& attrs, const Shape& shape) {
  attrs.push(shape.rank());
  for (const std::int64_t extent : shape.extents()) attrs.push(extent);
}

/// The shape of the ids whose rank is attribute k; rejects a number of ids that does not fill it.
inline Shape id_shape(const InferArgs& a, int k) {
  const std::int64_t rank = a.integer(k);
  const std::span<const std::int64_t> words = a.list(k + 1);
  reject_unless(a, rank >= 0 && rank <= Shape::max_rank && rank <= static_cast<std::int64_t>(words.size()),
                ErrorCode::bad_argument, "the ids must have a shape; its rank is given as {}", rank);
  const Shape shape(words.first(static_cast<std::size_t>(rank)));
  const std::int64_t given = static_cast<std::int64_t>(words.size()) - rank;
  reject_unless(a, shape.size() == given, ErrorCode::shape_mismatch, "ids of shape {} are {} numbers; given {}", shape,
                shape.size(), given);
  return shape;
}

/// The ids whose rank is attribute k.
inline std::span<const std::int64_t> ids_of(const detail::ArgsBase& a, int k) {
  return a.list(k + 1).subspan(static_cast<std::size_t>(a.integer(k)));
}

/// Rejects the first id that does not select from `extent` elements. Negative ids do not count from the end.
inline void check_ids(const InferArgs& a, std::span<const std::int64_t> ids, std::int64_t extent) {
  for (std::size_t i = 0; i < ids.size(); ++i)
    reject_unless(a, ids[i] >= 0 && ids[i] < extent, ErrorCode::index_out_of_range,
                  "ids must be at least 0 and below the extent {}; the id at position {} is {}", extent, i, ids[i]);
}

}  // namespace unspool
