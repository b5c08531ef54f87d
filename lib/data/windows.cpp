#include "unspool/windows.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace unspool {

Windows::Windows(const Ids& stream, const WindowOptions& options) : stream_(stream), options_(options) {
  detail::require(options.steps > 0 && options.batch > 0, ErrorCode::bad_argument, "windows",
                  "steps and batch must be above 0; given {} and {}", options.steps, options.batch);
  length_ = std::max<std::int64_t>(0, stream.size() - 1) / options.batch;
}

std::int64_t Windows::size() const noexcept {
  return length_ / options_.steps + (options_.keep_last && length_ % options_.steps != 0 ? 1 : 0);
}

void Windows::fill(std::int64_t begin) {
  const std::int64_t batch = options_.batch, left = length_ - begin;
  std::int64_t steps = std::min(options_.steps, left);
  if (steps < options_.steps && !options_.keep_last) steps = 0;
  window_.begin = begin;
  window_.steps = steps;
  window_.batch = batch;
  window_.first = begin == 0;
  window_.inputs.resize(static_cast<std::size_t>(steps * batch));
  window_.targets.resize(static_cast<std::size_t>(steps * batch));
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t t = 0; t < steps; ++t) {
      const std::int64_t from = b * length_ + begin + t;
      const auto to = static_cast<std::size_t>(t * batch + b);
      window_.inputs[to] = stream_[from];
      window_.targets[to] = stream_[from + 1];
    }
}

}  // namespace unspool
