#include <cerrno>
#include <cstdio>
#include <cstring>

#include "command.hpp"

namespace graphtool {
namespace {

namespace us = unspool;

[[noreturn]] void fail_output(const char* what) {
  throw us::Error(us::ErrorCode::file_write, "unspool-graph", what, std::strerror(errno));
}

}  // namespace

us::Graph read_input(const std::string& path, const Context& context) {
  if (path != "-") return us::read_graph(path, context.most_nodes);
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, stdin)) text.append(buffer, count);
  if (std::ferror(stdin) != 0)
    throw us::Error(us::ErrorCode::file_open, "unspool-graph", "standard input must be readable", std::strerror(errno));
  return us::parse_graph(text, "standard input", context.most_nodes);
}

void print(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    fail_output("standard output must take what is written to it");
}

void write_output(const std::string& path, const std::string& text) {
  if (path == "-") return print(text);
  us::write_text(path, text);
}

}  // namespace graphtool
