// The page that lib/dump/page/bundle.py puts together, with @graph@ where the graph file goes.
#pragma once

#include <string_view>

namespace unspool::detail {

extern const std::string_view page_text;

}  // namespace unspool::detail
