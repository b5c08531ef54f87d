// What the CTC decoders share: checked logits [T,B,C], one row at a time.
#pragma once

#include "generate/distribution.hpp"
#include "unspool/ctc.hpp"

namespace unspool::detail {

template <class T>
struct CtcRows {
  CtcRows(const Shape& shape, std::span<const T> values, const Ids& row_lengths, std::int64_t blank,
          std::string_view name)
      : logits(values), lengths(row_lengths), op(name) {
    require(shape.rank() == 3, ErrorCode::shape_mismatch, op, "logits must be [T,B,C], time first; given {}",
            shape.to_string());
    steps = shape[0], rows = shape[1], classes = shape[2];
    require(blank >= 0 && blank < classes, ErrorCode::index_out_of_range, op,
            "the blank must be one of the {} classes; given {}", classes, blank);
    require(lengths.size() == rows, ErrorCode::shape_mismatch, op, "needs one length a row of the batch, {}; given {}",
            rows, lengths.size());
    for (std::int64_t b = 0; b < rows; ++b)
      require(lengths[b] >= 0 && lengths[b] <= steps, ErrorCode::bad_argument, op,
              "lengths must be in 0..{}; that of row {} is {}", steps, b, lengths[b]);
  }
  std::span<const T> at(std::int64_t t, std::int64_t b) const {
    return logits.subspan(static_cast<std::size_t>((t * rows + b) * classes), static_cast<std::size_t>(classes));
  }

  std::span<const T> logits;
  Ids lengths;
  std::string_view op;
  std::int64_t steps = 0, rows = 0, classes = 0;
};

}  // namespace unspool::detail
