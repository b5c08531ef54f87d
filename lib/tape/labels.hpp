// Labels: the (scope, step) contexts in which nodes are recorded, and the interned scope paths.
#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "unspool/tape.hpp"

namespace unspool::detail {

class Labels {
 public:
  static constexpr std::int64_t no_step = -1;

  /// Packed rows [first, first + count), none with `count` 0; node `layout` has their steps.
  struct PackedRows {
    std::uint32_t layout = 0;
    std::int64_t first = 0, count = 0;
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
  void enter_step(std::int64_t step) { push({context(current_).scope, step}); }
  void enter_layout(const PackedRows& rows) { push({context(current_).scope, context(current_).step, rows}); }
  void enter_scope(std::string_view name);

  const Context& context(std::uint32_t index) const { return index == 0 ? none_ : later_[index - 1]; }
  const std::string& scope_path(std::uint32_t scope) const { return scope == 0 ? root_ : paths_[scope - 1]; }
  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(later_.size()) + 1; }
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
  std::string root_;
  std::vector<std::string> paths_;
  std::unordered_map<std::string, std::uint32_t> index_;
  std::string scratch_;
};

}  // namespace unspool::detail
