// Printer: formatted text that grows, for whoever writes a file or a picture.
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

namespace unspool::detail {

class Printer {
 public:
  template <class... Args>
  void put(fmt::format_string<Args...> text, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), text, std::forward<Args>(args)...);
  }
  /// As it is, braces too.
  void put_raw(std::string_view text) { out_.append(text.data(), text.data() + text.size()); }

  std::string text() const { return fmt::to_string(out_); }

 private:
  fmt::memory_buffer out_;
};

}  // namespace unspool::detail
