#include "unspool/windows.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "support/caught.hpp"

namespace us = unspool;
using namespace us::test;
using Numbers = std::vector<std::int64_t>;

namespace {

Numbers counting(std::int64_t count) {
  Numbers all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

TEST_CASE("windows cut a stream into steps and what follows each") {
  const Numbers stream = counting(8);
  std::vector<Numbers> inputs, targets;
  std::vector<bool> first;
  for (const us::Window& w : us::windows(stream, {.steps = 3})) {
    CHECK(w.shape() == us::Shape{w.steps, 1});
    inputs.push_back(w.inputs);
    targets.push_back(w.targets);
    first.push_back(w.first);
  }
  CHECK(inputs == std::vector<Numbers>{{0, 1, 2}, {3, 4, 5}, {6}});
  CHECK(targets == std::vector<Numbers>{{1, 2, 3}, {4, 5, 6}, {7}});
  CHECK(first == std::vector<bool>{true, false, false});
}

TEST_CASE("a batch reads equal parts of the stream side by side, time first, and each carries on where it stopped") {
  const Numbers stream = counting(15);  // 14 predictions: two parts of 7
  us::Windows windows = us::windows(stream, {.steps = 4, .batch = 2});
  CHECK(windows.length() == 7);
  CHECK(windows.size() == 2);
  std::vector<Numbers> inputs, targets;
  for (const us::Window& w : windows) inputs.push_back(w.inputs), targets.push_back(w.targets);
  CHECK(inputs == std::vector<Numbers>{{0, 7, 1, 8, 2, 9, 3, 10}, {4, 11, 5, 12, 6, 13}});
  CHECK(targets == std::vector<Numbers>{{1, 8, 2, 9, 3, 10, 4, 11}, {5, 12, 6, 13, 7, 14}});
  std::vector<Numbers> again;
  for (const us::Window& w : windows) again.push_back(w.inputs);
  CHECK(again == inputs);
}

TEST_CASE("every id but the last of each part is an input exactly once") {
  for (std::int64_t count = 0; count < 40; ++count)
    for (const std::int64_t batch : {1, 2, 3, 7})
      for (const std::int64_t steps : {1, 2, 5, 100}) {
        const Numbers stream = counting(count);
        us::Windows windows = us::windows(stream, {.steps = steps, .batch = batch});
        Numbers seen(static_cast<std::size_t>(count), 0);
        std::int64_t number = 0;
        for (const us::Window& w : windows) {
          ++number;
          for (std::size_t i = 0; i < w.inputs.size(); ++i) {
            ++seen[static_cast<std::size_t>(w.inputs[i])];
            CHECK(w.targets[i] == w.inputs[i] + 1);
          }
        }
        CHECK(number == windows.size());
        CHECK(std::accumulate(seen.begin(), seen.end(), std::int64_t{0}) == windows.length() * batch);
        for (std::int64_t i = 0; i < windows.length() * batch; ++i) CHECK(seen[static_cast<std::size_t>(i)] == 1);
        CHECK(count - 1 - windows.length() * batch < batch);
      }
}

TEST_CASE("a shorter window at the end can be left out, and a stream that is too short has none") {
  const Numbers stream = counting(8);
  us::Windows whole = us::windows(stream, {.steps = 3, .keep_last = false});
  CHECK(whole.size() == 2);
  std::int64_t count = 0;
  for (const us::Window& w : whole) count += w.steps == 3 ? 1 : 100;
  CHECK(count == 2);
  for (const std::int64_t length : {0, 1, 2}) {
    const Numbers short_one = counting(length);
    for (const us::Window& w : us::windows(short_one, {.steps = 3, .batch = 2})) FAIL("a window of ", w.steps);
  }
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  for (const us::Window& w : us::windows(bytes, {.steps = 2})) CHECK(w.inputs == Numbers{1, 2});
}

TEST_CASE("a series of numbers is cut like a stream of ids, each step with its own shape") {
  std::vector<float> numbers;
  for (int i = 0; i < 9 * 2; ++i) numbers.push_back(static_cast<float>(i) / 2);  // step t holds t and t + 0.5
  const us::Tensor<float> series({9, 2}, numbers);
  auto range = us::windows(series, {.steps = 3, .batch = 2});
  CHECK(range.length() == 4);
  CHECK(range.size() == 2);
  std::vector<us::Shape> shapes;
  std::vector<std::vector<float>> inputs, targets;
  for (const us::SeriesWindow<float>& w : range) {
    shapes.push_back(w.shape());
    inputs.push_back(w.inputs);
    targets.push_back(w.targets);
  }
  CHECK(shapes == std::vector<us::Shape>{{3, 2, 2}, {1, 2, 2}});
  CHECK(inputs == std::vector<std::vector<float>>{{0, 0.5, 4, 4.5, 1, 1.5, 5, 5.5, 2, 2.5, 6, 6.5}, {3, 3.5, 7, 7.5}});
  CHECK(targets == std::vector<std::vector<float>>{{1, 1.5, 5, 5.5, 2, 2.5, 6, 6.5, 3, 3.5, 7, 7.5}, {4, 4.5, 8, 8.5}});
  const us::Tensor<double> flat({4}, {1, 2, 3, 4});
  for (const us::SeriesWindow<double>& w : us::windows(flat, {.steps = 9})) {
    CHECK(w.shape() == us::Shape{3, 1});
    CHECK(w.targets == std::vector<double>{2, 3, 4});
  }
  CHECK(us::windows(us::Tensor<double>({4, 0}), {.steps = 3}).begin()->shape() == us::Shape{3, 1, 0});
  CHECK(error_from([] { us::windows(us::Tensor<double>(), {.steps = 3}); }).code() == us::ErrorCode::shape_mismatch);
  CHECK(error_from([] {
          us::windows(us::Tensor<double>({2, 1, 1, 1, 1, 1, 1, 1}), {.steps = 3});
        }).code() == us::ErrorCode::bad_shape);
}

TEST_CASE("windows of no steps or no streams are refused") {
  const Numbers stream = counting(8);
  CHECK(error_from([&] { us::windows(stream, {}); }).code() == us::ErrorCode::bad_argument);
  CHECK(error_from([&] { us::windows(stream, {.steps = 2, .batch = 0}); }).code() == us::ErrorCode::bad_argument);
  CHECK(error_from([&] { us::windows(stream, {.steps = -2}); }).code() == us::ErrorCode::bad_argument);
}
