// Windows: a long stream, of ids or of numbers, cut into pieces of a few steps, for truncated backpropagation through
// time (Williams and Peng, Neural Computation 2(4), 1990).
//
//   for (const us::Window& w : us::windows(ids, {.steps = 64, .batch = 16})) {
//     if (w.first) ...the state starts from zeros...
//     ... embedding(tape, w.inputs, w.shape()) ... cross_entropy(logits, w.targets) ...
//   }
//   for (const us::SeriesWindow<float>& w : us::windows(series, {.steps = 64}))   // series [N,...]
//     ... tape.input(w.shape(), w.inputs) ... mse(prediction, tape.input(w.shape(), w.targets)) ...
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "unspool/export.hpp"
#include "unspool/ids.hpp"
#include "unspool/shape.hpp"
#include "unspool/tensor.hpp"

namespace unspool {

struct WindowOptions {
  std::int64_t steps = 0;  ///< of a window
  std::int64_t batch = 1;  ///< streams read side by side: the stream is cut into so many equal parts
  bool keep_last = true;   ///< whether a shorter window at the end counts
};

/// Some steps of every part of a stream, time first, and for each the one that follows it. V is std::int64_t for ids,
/// or the scalar type of a series.
template <class V>
struct StreamWindow {
  std::vector<V> inputs;   ///< [steps,batch,...]
  std::vector<V> targets;  ///< [steps,batch,...]: one step later
  std::int64_t begin = 0;  ///< position of the first step in its part
  std::int64_t steps = 0;
  std::int64_t batch = 0;
  bool first = false;  ///< the parts begin here: the state starts from zeros
  Shape each = {};     ///< the shape of one step of one part: [] for ids

  /// [steps,batch,...].
  Shape shape() const;
};

using Window = StreamWindow<std::int64_t>;
template <RealScalar T>
using SeriesWindow = StreamWindow<T>;

/// A range of windows over a stream that must outlive it. Part b of the batch has the steps b * n .. (b + 1) * n, the
/// last of which is only a target, with n = length() = (steps of the stream - 1) / batch; what is left over, fewer than
/// `batch` steps at the end, is not read. One window is filled again and again: iterating allocates nothing after the
/// first.
template <class V>
class WindowRange {
 public:
  using Stream = std::conditional_t<std::is_same_v<V, std::int64_t>, Ids, std::span<const V>>;

  /// `count` steps, each of the given shape. Throws bad_argument, bad_shape.
  WindowRange(const Stream& stream, std::int64_t count, const Shape& each, const WindowOptions& options);

  class Sentinel {};
  class Iterator {
   public:
    const StreamWindow<V>& operator*() const noexcept { return range_->window_; }
    const StreamWindow<V>* operator->() const noexcept { return &range_->window_; }
    Iterator& operator++() {
      range_->fill(range_->window_.begin + range_->window_.steps);
      return *this;
    }
    bool operator==(Sentinel) const noexcept { return range_->window_.steps == 0; }

   private:
    friend class WindowRange;
    explicit Iterator(WindowRange* range) noexcept : range_(range) {}
    WindowRange* range_;
  };

  /// Back to the start.
  Iterator begin() {
    fill(0);
    return Iterator(this);
  }
  Sentinel end() const noexcept { return {}; }
  /// Number of windows.
  std::int64_t size() const noexcept;
  /// Steps of each part.
  std::int64_t length() const noexcept { return length_; }

 private:
  void fill(std::int64_t begin);

  Stream stream_;
  WindowOptions options_;
  std::int64_t length_;
  StreamWindow<V> window_;
};

extern template struct UNSPOOL_API StreamWindow<std::int64_t>;
extern template struct UNSPOOL_API StreamWindow<float>;
extern template struct UNSPOOL_API StreamWindow<double>;
extern template class UNSPOOL_API WindowRange<std::int64_t>;
extern template class UNSPOOL_API WindowRange<float>;
extern template class UNSPOOL_API WindowRange<double>;

using Windows = WindowRange<std::int64_t>;

/// The windows of a stream of ids. Throws bad_argument unless steps and batch are above 0. A stream of fewer than
/// batch + 1 steps has no window.
inline Windows windows(const Ids& stream, const WindowOptions& options) {
  return Windows(stream, stream.size(), Shape(), options);
}
/// The same for a series [N,...]. Throws shape_mismatch for a scalar besides.
template <RealScalar T>
WindowRange<T> windows(const Tensor<T>& series, const WindowOptions& options);

extern template UNSPOOL_API WindowRange<float> windows(const Tensor<float>&, const WindowOptions&);
extern template UNSPOOL_API WindowRange<double> windows(const Tensor<double>&, const WindowOptions&);

}  // namespace unspool
