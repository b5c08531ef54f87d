#include "unspool/windows.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace unspool {

template <class V>
Shape StreamWindow<V>::shape() const {
  std::vector<std::int64_t> extents{steps, batch};
  extents.insert(extents.end(), each.extents().begin(), each.extents().end());
  return Shape(std::span<const std::int64_t>(extents));
}

template <class V>
WindowRange<V>::WindowRange(const Stream& stream, std::int64_t count, const Shape& each, const WindowOptions& options)
    : stream_(stream), options_(options) {
  detail::require(options.steps > 0 && options.batch > 0, ErrorCode::bad_argument, "windows",
                  "steps and batch must be above 0; given {} and {}", options.steps, options.batch);
  length_ = std::max<std::int64_t>(0, count - 1) / options.batch;
  window_.each = each;
  (void)window_.shape();  // rejects a series with more axes than a shape has room for
}

template <class V>
std::int64_t WindowRange<V>::size() const noexcept {
  return length_ / options_.steps + (options_.keep_last && length_ % options_.steps != 0 ? 1 : 0);
}

template <class V>
void WindowRange<V>::fill(std::int64_t begin) {
  const std::int64_t batch = options_.batch, left = length_ - begin, width = window_.each.size();
  std::int64_t steps = std::min(options_.steps, left);
  if (steps < options_.steps && !options_.keep_last) steps = 0;
  window_.begin = begin;
  window_.steps = steps;
  window_.batch = batch;
  window_.first = begin == 0;
  window_.inputs.resize(static_cast<std::size_t>(steps * batch * width));
  window_.targets.resize(static_cast<std::size_t>(steps * batch * width));
  const auto at = [&](std::int64_t i) {
    if constexpr (std::is_same_v<Stream, Ids>)
      return stream_[i];
    else
      return stream_[static_cast<std::size_t>(i)];
  };
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t t = 0; t < steps; ++t) {
      const std::int64_t from = (b * length_ + begin + t) * width;
      const std::int64_t to = (t * batch + b) * width;
      for (std::int64_t i = 0; i < width; ++i) {
        window_.inputs[static_cast<std::size_t>(to + i)] = at(from + i);
        window_.targets[static_cast<std::size_t>(to + i)] = at(from + width + i);
      }
    }
}

template <RealScalar T>
WindowRange<T> windows(const Tensor<T>& series, const WindowOptions& options) {
  const Shape& shape = series.shape();
  detail::require(shape.rank() > 0, ErrorCode::shape_mismatch, "windows", "a series must be [N,...], time first");
  return WindowRange<T>(series.values(), shape[0], Shape(shape.extents().subspan(1)), options);
}

template struct StreamWindow<std::int64_t>;
template struct StreamWindow<float>;
template struct StreamWindow<double>;
template class WindowRange<std::int64_t>;
template class WindowRange<float>;
template class WindowRange<double>;
template WindowRange<float> windows(const Tensor<float>&, const WindowOptions&);
template WindowRange<double> windows(const Tensor<double>&, const WindowOptions&);

}  // namespace unspool
