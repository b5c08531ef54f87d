// Damaged and hostile graph files: read or rejected with file_format, and nothing else ever happens.
#include <doctest/doctest.h>

#include "graph_support.hpp"
#include "support/allocations.hpp"
#include "support/caught.hpp"

namespace us = unspool;
using us::test::Rnn;

// tests/fuzz/graph_fuzz.cpp: aborts when the reader does anything but read or reject.
void unspool_fuzz_graph(const std::uint8_t* data, std::size_t size);

namespace {

void fuzz(const std::string& bytes) {
  unspool_fuzz_graph(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::string small_file() {
  Rnn rnn(6, {.keep_gradient_norms = true});
  rnn.tape.backward(rnn.loss);
  us::Graph graph = rnn.graph();
  graph.parameters[0].series = {{0, 1, 2}, {1, 2, 3}, {1, 2, 3}, {3, 2, 1}};
  return us::graph_json(graph);
}

std::string replaced(std::string text, std::string_view part, std::string_view by) {
  const std::size_t at = text.find(part);
  REQUIRE_MESSAGE(at != std::string::npos, part);
  return text.replace(at, part.size(), by);
}

/// Two leaves and a run of `count` sums; the parts that a case bends are arguments.
std::string run_file(std::string_view count, std::string_view row, std::string_view strides,
                     std::string_view exceptions, std::string_view nodes) {
  return std::string(R"({"format":"unspool-graph","version":2,"scalar":"float32","nodes":)") + std::string(nodes) +
         R"(,"texts":[""],"ops":[["input",""],["add",""]],"shapes":[[2]],"parameters":[],)"
         R"("slots":["op","shape","value_bytes","inputs"],"segments":[{"count":1,"rows":[[0,0,8,0],[0,0,8,0]]},)"
         R"({"count":)" +
         std::string(count) + R"(,"rows":[)" + std::string(row) + R"(],"strides":)" + std::string(strides) +
         R"(,"exceptions":)" + std::string(exceptions) + "}]}";
}

void check_rejected(const std::string& file, const std::string& says) {
  const us::Error error = us::test::error_from([&] { us::parse_graph(file); });
  CHECK(error.code() == us::ErrorCode::file_format);
  const std::string what = error.what();
  CHECK_MESSAGE(what.find(says) != std::string::npos, what << "; expected: " << says);
}

}  // namespace

TEST_CASE("the file that the cases below bend is read") {
  const us::Graph graph = us::parse_graph(run_file("3", "[1,0,8,2,0,1]", "[[0,4,1],[0,5,1]]", "[[0,2,1,1,16,0]]", "5"));
  REQUIRE(graph.nodes.size() == 5);
  CHECK(graph.nodes[3].value_bytes == 16);
  CHECK(graph.inputs_of(graph.nodes[4])[1] == 3);
}

TEST_CASE("a graph file that breaks a rule is refused with the rule") {
  const char* const row = "[1,0,8,2,0,1]";
  const char* const strides = "[[0,4,1],[0,5,1]]";
  check_rejected("", "must begin with '{'");
  check_rejected("[]", "must begin with '{'");
  check_rejected("{}", "must be \"unspool-graph\"");
  check_rejected(run_file("3", row, strides, "[]", "6"), "must add up to the 6 nodes; they have 5");
  check_rejected(run_file("3", row, strides, "[]", "4"), "must add up to the 4 nodes; they have more");
  check_rejected(run_file("0", row, strides, "[]", "2"), "the count of a segment must be from 1");
  check_rejected(run_file("3", "[2,0,8,2,0,1]", strides, "[]", "5"), "\"op\" must be from 0 to 1; given 2");
  check_rejected(run_file("3", "[1,0,-8,2,0,1]", strides, "[]", "5"), "\"value_bytes\" must be from 0");
  check_rejected(run_file("3", "[1,0,8,2,0,2]", strides, "[]", "5"), "recorded before their reader %2; given %2");
  check_rejected(run_file("3", row, "[[0,4,1],[0,5,2]]", "[]", "5"), "recorded before their reader %4; given %5");
  check_rejected(run_file("3", row, "[[0,4,-1],[0,5,1]]", "[]", "5"), "recorded before their reader");
  check_rejected(run_file("3", row, "[[0,5,1],[0,4,1]]", "[]", "5"), "strides must name entries");
  check_rejected(run_file("3", row, "[[1,4,1]]", "[]", "5"), "strides must name entries");
  check_rejected(run_file("3", row, "[[0,0,1]]", "[]", "5"), "");
  check_rejected(run_file("3", row, "[[0,4]]", "[]", "5"), "must have a ',' here");
  check_rejected(run_file("3", "[1,0,8,3,0,1]", "[]", "[]", "5"), "an entry for every slot and for every operand");
  check_rejected(run_file("3", "[1,0]", "[]", "[]", "5"), "an entry for every slot");
  check_rejected(run_file("3", row, strides, "[[0,2,2,2,1,0]]", "5"), "exceptions must lie in their segment");
  check_rejected(run_file("3", row, strides, "[[0,2,1,1,1,0],[0,2,1,1,2,0]]", "5"), "not overlap");
  check_rejected(run_file("3", row, strides, "[[9,2,1,1,1,0]]", "5"), "exceptions must name entries");
  check_rejected(run_file("3", row, strides, "[[0,5,2,1,4,0]]", "5"), "recorded before their reader %4; given %4");
  check_rejected(run_file("3", row, "[[0,2,9007199254740992],[0,4,1],[0,5,1]]", "[]", "5"), "within 2^53");
  check_rejected(run_file("3", "[1,0,\"00000000000000ff\",2,0,1]", strides, "[]", "5"), "only attributes");
  check_rejected(run_file("1", "[]", "[]", "[]", "3"), "an entry for every slot");
}

TEST_CASE("a damaged table, column, series or head is refused with the rule") {
  const std::string good = small_file();
  REQUIRE(us::parse_graph(good).nodes.size() > 0);
  check_rejected(replaced(good, "\"texts\": [\n\"\"", "\"texts\": [\n\"a\""), "the first text must be empty");
  check_rejected(replaced(good, "\"loss\": ", "\"loss\": 9"), "the loss must be from 0");
  check_rejected(replaced(good, "\"slots\": [\"op\"", "\"slots\": [\"shape\""), "a slot must not be named twice");
  check_rejected(replaced(good, "\"encoding\":\"f64\"", "\"encoding\":\"f32\""), "base64");
  check_rejected(replaced(good, "\"encoding\":\"f64\"", "\"encoding\":\"f16\""), "f64, f32 or log16");
  check_rejected(replaced(good, "\"columns\": {", "\"scalar\": {"), "must not have \"scalar\" twice");
  check_rejected(replaced(good, "\"steps\":[[0,3,1]]", "\"steps\":[[0,4294967295,1]]"), "a series must have steps");
  check_rejected(replaced(good, "\"steps\":[[0,3,1]]", "\"steps\":[[0,3,0]]"), "a stride of steps must be from 1");
  check_rejected(replaced(good, "\"node\":", "\"node\":9"), "a parameter's node must be from 0");
  check_rejected(good + "x", "nothing may follow");
  const us::Error other =
      us::test::error_from([&] { us::parse_graph(replaced(good, "\"version\": 2", "\"version\": 3")); });
  CHECK(other.code() == us::ErrorCode::unsupported);
}

TEST_CASE("a few bytes that claim many nodes are refused before anything is made of them") {
  const std::string bomb = run_file("4000000000", "[1,0,8,2,0,1]", "[]", "[]", "4000000002");
  check_rejected(bomb, "the number of nodes must be from 0 to 4194304");
  check_rejected(run_file("4000000000", "[1,0,8,2,0,1]", "[]", "[]", "1000"), "they have more");
  // One that is allowed is a graph like any other, and the caller may allow less.
  CHECK(us::parse_graph(run_file("1000", "[1,0,8,2,0,1]", "[]", "[]", "1002")).nodes.size() == 1002);
  CHECK_THROWS_AS(us::parse_graph(run_file("1000", "[1,0,8,2,0,1]", "[]", "[]", "1002"), "g", 1001), us::Error);
}

TEST_CASE("a refused file costs no more memory than its size and a mebibyte") {
  const std::string good = small_file();
  std::vector<std::string> files = {
      run_file("4000000000", "[1,0,8,2,0,1]", "[]", "[]", "4000000002"),
      run_file("4000000", "[1,0,8,2,0,1]", "[]", "[[0,2,3999999,2,1,0]]", "4000002"),
      replaced(good, "\"steps\":[[0,3,1]]", "\"steps\":[[0,4294967295,1]]"),
      good + "x",
  };
  std::string nested = good, texts, rows;
  files.push_back(replaced(good, "\"page\": {", "\"page\": " + std::string(2'000'000, '[') + ", \"x\": {"));
  for (int i = 0; i < 500'000; ++i) texts += "\"\",", rows += "[0,0,8,0],";
  files.push_back(replaced(good, "\"texts\": [", "\"texts\": [\"\"," + texts) + "x");
  files.push_back(run_file("1", rows + "[1,0,8,1,500002]", "[]", "[]", "500003"));
  for (const std::string& file : files) {
    CAPTURE(file.substr(0, 200));
    const std::int64_t before = us::test::living_bytes();
    us::test::restart_peak();
    CHECK_THROWS_AS(us::parse_graph(file), us::Error);
    // The text itself is the caller's; read_graph() holds it once.
    CHECK(us::test::peak_bytes() - before < (1 << 20));
  }
}

TEST_CASE("a graph file cut at any byte is refused") {
  const std::string whole = small_file();
  for (std::size_t size = 0; size + 2 < whole.size(); size += 1 + size / 64) {
    CAPTURE(size);
    const us::Error error = us::test::error_from([&] { us::parse_graph(whole.substr(0, size)); });
    REQUIRE(error.code() == us::ErrorCode::file_format);
  }
}

TEST_CASE("random changes to a graph file are read or rejected, never worse") {
  us::test::Dice dice(20240229);
  const std::string whole = small_file();
  const std::string_view marks = "{}[]\",:\\u0129eE.- \n";
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = whole;
    for (std::uint64_t change = 1 + dice.below(4); change > 0; --change) {
      const std::size_t at = dice.below(bytes.size());
      switch (dice.below(5)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ 1 << dice.below(8));
          break;
        case 1:
          bytes[at] = static_cast<char>(dice.below(256));
          break;
        case 2:
          bytes[at] = marks[dice.below(marks.size())];
          break;
        case 3:
          bytes.insert(at, 1, static_cast<char>('0' + dice.below(10)));
          break;
        default:
          bytes.erase(at, 1);
      }
    }
    fuzz(bytes);
  }
}

TEST_CASE("random changes to the numbers of a run are read or rejected, never worse") {
  us::test::Dice dice(99);
  const std::string whole = run_file("3", "[1,0,8,2,0,1]", "[[0,2,0],[0,4,1],[0,5,1]]", "[[0,2,1,1,16,0]]", "5");
  const std::size_t from = whole.find("\"segments\"");
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (int change = 0; change < 2; ++change) {
      std::size_t at = from + dice.below(bytes.size() - from);
      while (at < bytes.size() && (bytes[at] < '0' || bytes[at] > '9')) ++at;
      if (at < bytes.size()) bytes[at] = static_cast<char>('0' + dice.below(10));
    }
    fuzz(bytes);
  }
}
