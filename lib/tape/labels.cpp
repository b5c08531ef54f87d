#include "tape/labels.hpp"

namespace unspool::detail {

void Labels::push(Context context) {
  const Context& last = contexts_.back();
  if (last.scope != context.scope || last.step != context.step) contexts_.push_back(context);
  current_ = count() - 1;
}

void Labels::release() noexcept {
  current_ = 0;
  rewind(0);
  paths_.resize(1);
  index_.clear();
}

void Labels::enter_scope(std::string_view name) {
  const Context here = contexts_[current_];
  scratch_ = paths_[here.scope];
  if (!scratch_.empty() && !name.empty()) scratch_ += '/';
  scratch_ += name;
  auto found = index_.find(scratch_);
  if (found == index_.end()) {
    paths_.push_back(scratch_);
    found = index_.emplace(scratch_, static_cast<std::uint32_t>(paths_.size() - 1)).first;
  }
  push({found->second, here.step});
}

}  // namespace unspool::detail
