#include "tape/graph_request.hpp"

#include <charconv>
#include <cstdlib>
#include <optional>

#include "base/check.hpp"

namespace unspool::detail {

GraphRequest parse_graph_request(const std::string& text) {
  constexpr std::string_view mark = ":step=";
  GraphRequest request{text, 1};
  const std::size_t at = text.rfind(mark);
  bool valid = true;
  if (at != std::string::npos) {
    request.path = text.substr(0, at);
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + at + mark.size(), end, request.step);
    valid = error == std::errc() && stop == end && request.step >= 1;
  }
  require(valid && !request.path.empty(), ErrorCode::bad_argument, "UNSPOOL_GRAPH",
          "must be a path, or path:step=N with the number of a backward() from 1; given \"{}\"", text);
  return request;
}

const GraphRequest* graph_request() {
  // An exception leaves it unset, so that the next tape says it again.
  static const std::optional<GraphRequest> request = [] {
    const char* text = std::getenv("UNSPOOL_GRAPH");
    return text == nullptr || *text == '\0' ? std::nullopt : std::optional(parse_graph_request(text));
  }();
  return request ? &*request : nullptr;
}

}  // namespace unspool::detail
