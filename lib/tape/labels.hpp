// Labels: the (scope, step) contexts in which nodes are recorded, and the interned scope paths.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/reserve_more.hpp"
#include "unspool/tape.hpp"

namespace unspool::detail {

/// Calls f(t, rows of step t) for the packed rows that the layout, an op's T, lengths and order, describes.
template <class F>
void for_each_packed_step(std::span<const std::int64_t> layout, F f) {
  const std::span<const std::int64_t> lengths = layout.subspan(1, layout.size() / 2);
  const std::span<const std::int64_t> order = layout.last(layout.size() / 2);
  std::size_t alive = order.size();
  for (std::int64_t t = 0;; ++t) {
    while (alive > 0 && lengths[static_cast<std::size_t>(order[alive - 1])] <= t) --alive;
    if (alive == 0) return;
    f(t, static_cast<std::int64_t>(alive));
  }
}

class Labels {
 public:
  static constexpr std::int64_t no_step = -1;

  /// Packed rows [first, first + count), none with `count` 0; node `layout` has their steps.
  struct PackedRows {
    std::uint32_t layout = 0;
    std::int64_t first = 0, count = 0;
    bool reversed = false;  // the steps are recorded from the last to the first
    bool operator==(const PackedRows&) const = default;
  };

  struct Context {
    std::uint32_t scope = 0;
    std::int64_t step = no_step;
    PackedRows packed{};  // that ops work on here
    bool operator==(const Context&) const = default;
  };

  std::uint32_t current() const noexcept { return current_; }
  void set_current(std::uint32_t context) noexcept { current_ = context < count() ? context : 0; }
  void enter_step(std::int64_t step) { push({context(current_).scope, first_step_ + step}); }
  /// Steps count from here. Returns where they counted from.
  std::int64_t set_first_step(std::int64_t step) noexcept { return std::exchange(first_step_, step); }
  void enter_layout(const PackedRows& rows) { push({context(current_).scope, context(current_).step, rows}); }
  void enter_step(std::int64_t step, const PackedRows& rows) {
    push({context(current_).scope, first_step_ + step, rows});
  }
  /// From one step of a layout's rows to another.
  void move_to_step(std::int64_t step, std::int64_t first, std::int64_t count) {
    const Context& here = context(current_);
    push({here.scope, first_step_ + step, {here.packed.layout, first, count}});
  }
  void enter_scope(std::string_view name);

  void reverse_packed() {
    if (current_ > 0) later_[current_ - 1].packed.reversed = true;
  }

  const Context& context(std::uint32_t index) const { return index == 0 ? none_ : later_[index - 1]; }
  const std::string& scope_path(std::uint32_t scope) const { return scope == 0 ? root_ : paths_[scope - 1]; }
  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(later_.size()) + 1; }
  /// Room for so many more contexts, and hardly more.
  void reserve(std::int64_t more) { reserve_more(later_, more); }
  /// Forgets contexts from `count` on, except those that living guards still refer to, none of which lies after the
  /// current one. Scope paths stay, so that a warm tape interns nothing.
  void rewind(std::uint32_t count) noexcept {
    const std::uint32_t kept = std::max(count, current_ + 1);
    if (kept < this->count()) later_.resize(kept - 1);
  }
  /// Forgets everything and gives the memory back. Allocates nothing.
  void release() noexcept;

 private:
  void push(Context context);

  // Context 0 and scope 0, outside of any, are not in the vectors: an empty Labels owns no memory.
  Context none_;
  std::vector<Context> later_;
  std::uint32_t current_ = 0;
  std::int64_t first_step_ = 0;
  std::string root_;
  std::vector<std::string> paths_;
  std::unordered_map<std::string, std::uint32_t> index_;
  std::string scratch_;
};

}  // namespace unspool::detail
