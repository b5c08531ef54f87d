// Windows: a long stream cut into pieces of a few steps, for truncated backpropagation through time (Williams and Peng,
// Neural Computation 2(4), 1990).
//
//   for (const us::Window& w : us::windows(ids, {.steps = 64, .batch = 16})) {
//     if (w.first) state = cell.zero_state(tape, 16);
//     ... embedding(tape, w.inputs, w.shape()) ... cross_entropy(logits, w.targets) ...
//   }
#pragma once

#include <cstdint>
#include <vector>

#include "unspool/export.hpp"
#include "unspool/ids.hpp"
#include "unspool/shape.hpp"

namespace unspool {

struct WindowOptions {
  std::int64_t steps = 0;  ///< of a window
  std::int64_t batch = 1;  ///< streams read side by side: the stream is cut into so many equal parts
  bool keep_last = true;   ///< whether a shorter window at the end counts
};

/// The ids of `steps` steps of every part, time first, and for each the one that follows it.
struct Window {
  std::vector<std::int64_t> inputs;   ///< [steps,batch]
  std::vector<std::int64_t> targets;  ///< [steps,batch]: the ids one step later
  std::int64_t begin = 0;             ///< position of the first step in its part
  std::int64_t steps = 0;
  std::int64_t batch = 0;
  bool first = false;  ///< the parts begin here: the state starts from zero

  Shape shape() const { return {steps, batch}; }
};

/// A range of windows over a stream that must outlive it. Part b of the batch holds ids b * n .. (b + 1) * n, the last
/// of which is only a target, with n = length() = (stream.size() - 1) / batch; what is left over, fewer than `batch`
/// ids at the end, is not read. One window is filled again and again: iterating allocates nothing after the first.
class UNSPOOL_API Windows {
 public:
  Windows(const Ids& stream, const WindowOptions& options);

  class Sentinel {};
  class Iterator {
   public:
    const Window& operator*() const noexcept { return windows_->window_; }
    const Window* operator->() const noexcept { return &windows_->window_; }
    Iterator& operator++() {
      windows_->fill(windows_->window_.begin + windows_->window_.steps);
      return *this;
    }
    bool operator==(Sentinel) const noexcept { return windows_->window_.steps == 0; }

   private:
    friend class Windows;
    explicit Iterator(Windows* windows) noexcept : windows_(windows) {}
    Windows* windows_;
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

  Ids stream_;
  WindowOptions options_;
  std::int64_t length_;
  Window window_;
};

/// Throws bad_argument unless steps and batch are above 0. A stream with fewer than batch + 1 ids has no window.
inline Windows windows(const Ids& stream, const WindowOptions& options) { return Windows(stream, options); }

}  // namespace unspool
