#include "unspool/beam_batch.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace unspool::detail {

template <Scalar T>
Tensor<T> chosen_rows(const Shape& shape, std::span<const T> values, std::span<const std::int64_t> rows) {
  require(shape.rank() > 0, ErrorCode::shape_mismatch, "beam_search", "a state's Vars must be [rows,...]; one is {}",
          shape);
  std::vector<std::int64_t> extents(shape.extents().begin(), shape.extents().end());
  extents[0] = static_cast<std::int64_t>(rows.size());
  Tensor<T> chosen{Shape(extents)};
  const auto each = static_cast<std::size_t>(shape[0] == 0 ? 0 : shape.size() / shape[0]);
  T* to = chosen.data();
  for (const std::int64_t row : rows) {
    require(row < shape[0], ErrorCode::shape_mismatch, "beam_search",
            "the step must return a state of as many rows as it was given; one of its Vars is {}", shape);
    to = std::ranges::copy(values.subspan(static_cast<std::size_t>(row) * each, each), to).out;
  }
  return chosen;
}

std::vector<std::int64_t> live_symbols(std::span<const BeamSearch> searches) {
  std::vector<std::int64_t> symbols;
  for (const BeamSearch& search : searches)
    if (!search.done()) symbols.insert(symbols.end(), search.symbols().begin(), search.symbols().end());
  return symbols;
}

template <Scalar T>
std::vector<std::int64_t> advance_all(std::span<BeamSearch> searches, const Shape& shape, std::span<const T> logits,
                                      std::int64_t rows) {
  require(shape.rank() == 2 && shape[0] == rows, ErrorCode::shape_mismatch, "beam_search",
          "the logits must be [{},V], a row for each live hypothesis; they are {}", rows, shape);
  const auto width = static_cast<std::size_t>(shape[1]);
  std::vector<std::int64_t> from;
  std::int64_t first = 0;
  for (BeamSearch& search : searches) {
    if (search.done()) continue;
    const std::int64_t count = search.live();
    search.advance(logits.subspan(static_cast<std::size_t>(first) * width, static_cast<std::size_t>(count) * width));
    if (!search.done())
      for (const std::int64_t parent : search.parents()) from.push_back(first + parent);
    first += count;
  }
  return from;
}

template Tensor<float> chosen_rows(const Shape&, std::span<const float>, std::span<const std::int64_t>);
template Tensor<double> chosen_rows(const Shape&, std::span<const double>, std::span<const std::int64_t>);
template std::vector<std::int64_t> advance_all(std::span<BeamSearch>, const Shape&, std::span<const float>,
                                               std::int64_t);
template std::vector<std::int64_t> advance_all(std::span<BeamSearch>, const Shape&, std::span<const double>,
                                               std::int64_t);

}  // namespace unspool::detail
