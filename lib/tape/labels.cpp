#include "tape/labels.hpp"

namespace unspool::detail {

void Labels::push(Context context) {
  if (this->context(count() - 1) != context) later_.push_back(context);
  current_ = count() - 1;
}

void Labels::release() noexcept {
  current_ = 0;
  std::vector<Context>().swap(later_);
  std::vector<std::string>().swap(paths_);
  std::unordered_map<std::string, std::uint32_t>().swap(index_);
  std::string().swap(scratch_);
}

void Labels::enter_scope(std::string_view name) {
  const Context here = context(current_);
  scratch_ = scope_path(here.scope);
  if (!scratch_.empty() && !name.empty()) scratch_ += '/';
  scratch_ += name;
  auto found = index_.find(scratch_);
  if (found == index_.end()) {
    paths_.push_back(scratch_);
    found = index_.emplace(scratch_, static_cast<std::uint32_t>(paths_.size())).first;
  }
  push({found->second, here.step, here.packed});
}

}  // namespace unspool::detail
