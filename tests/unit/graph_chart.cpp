// Line charts: ticks, gaps, thinning.
#include <doctest/doctest.h>

#include <cmath>

#include "dump/ticks.hpp"
#include "graph_support.hpp"
#include "support/caught.hpp"
#include "support/close.hpp"
#include "unspool/chart.hpp"

namespace us = unspool;
using us::detail::Axis;
using us::test::count_of;
using us::test::inf;
using us::test::not_a_number;

namespace {

std::string labels(const Axis& axis) {
  std::string text;
  for (const us::detail::Tick& t : axis.ticks) text += (text.empty() ? "" : " ") + t.label;
  return text;
}

}  // namespace

TEST_CASE("ticks stand at round numbers") {
  CHECK(labels(us::detail::linear_axis(0.3, 4.2, 6)) == "0 1 2 3 4 5");
  CHECK(labels(us::detail::linear_axis(-0.02, 0.031, 5)) == "-0.02 0 0.02 0.04");
  CHECK(labels(us::detail::linear_axis(0, 99, 5, true)) == "0 20 40 60 80");
  CHECK(labels(us::detail::linear_axis(0, 3, 10, true)) == "0 1 2 3");
  CHECK(labels(us::detail::log_axis(1e-7, 1, 8)) ==
        "10\u207b\u2077 10\u207b\u2076 10\u207b\u2075 10\u207b\u2074 0.001 0.01 0.1 1");
  CHECK(labels(us::detail::log_axis(0.75, 3, 6)) == "0.5 1 2 5");
}

TEST_CASE("an axis covers its data whatever the range") {
  for (const auto& [low, high] :
       {std::pair{3.25, 3.25}, {0.0, 0.0}, {-1e308, 1e308}, {1e15, 1e15 + 1}, {5e-324, 1e-300}}) {
    const Axis axis = us::detail::linear_axis(low, high, 6);
    CHECK(std::isfinite(axis.low));
    CHECK(std::isfinite(axis.high));
    CHECK(axis.low < axis.high);
    CHECK(axis.ticks.size() <= 16);
  }
  for (const auto& [low, high] : {std::pair{1.0, 1.0}, {5e-324, 1.7e308}, {1e-3, 1e-3}, {0.99, 1.01}, {9.0, 11.0}}) {
    const Axis axis = us::detail::log_axis(low, high, 6);
    CHECK(axis.low > 0);
    CHECK(axis.low < axis.high);
    CHECK(axis.ticks.size() <= 16);
    if (low > 1e-300) CHECK(axis.low <= low * (1 + 1e-9));
    if (high < 1e300) CHECK(axis.high >= high * (1 - 1e-9));
  }
}

TEST_CASE("what is not a number leaves a gap, and a lone point is a dot") {
  const us::ChartSeries series{.name = "loss", .y = {1, 2, not_a_number, 3, inf, 4, 5, -inf}};
  const std::string svg = us::svg_line_chart(series);
  CHECK(count_of(svg, "<path class=\"line\"") == 2);
  CHECK(count_of(svg, "<circle") == 1);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf") == std::string::npos);
  const std::string logarithmic = us::svg_line_chart({.name = "", .y = {1, 0, 10, -5, 100}}, {.log_y = true});
  CHECK(count_of(logarithmic, "<circle") == 3);
}

TEST_CASE("a chart of nothing says so") {
  for (const bool log_y : {false, true}) {
    CHECK(count_of(us::svg_line_chart(std::span<const us::ChartSeries>(), {.log_y = log_y}), ">no data<") == 1);
    CHECK(count_of(us::svg_line_chart(us::ChartSeries{.y = {not_a_number, inf}}, {.log_y = log_y}), ">no data<") == 1);
  }
  CHECK(count_of(us::svg_line_chart(us::ChartSeries{.y = {1}}), ">no data<") == 0);
}

TEST_CASE("a long series is thinned to the pixels and keeps its peaks") {
  us::ChartSeries series;
  for (int i = 0; i < 1'000'000; ++i) series.y.push_back(i == 654'321 ? 100 : std::sin(i * 0.1));
  const std::string svg = us::svg_line_chart(series, {.width = 600, .height = 300});
  CHECK(svg.size() < 60'000);
  const std::size_t top = svg.find("y1=\"14.0\"");  // the grid line of the highest tick
  CHECK(top != std::string::npos);
  CHECK(svg.find(" 14.0L") != std::string::npos);
}

TEST_CASE("names and titles are escaped") {
  const us::ChartSeries series{.name = us::test::hostile_name(), .y = {1, 2}};
  const std::string svg =
      us::svg_line_chart(series, {.title = "</text><script>", .x_label = "a & b", .y_label = "\"<"});
  CHECK(svg.find("<script>") == std::string::npos);
  CHECK(svg.find("a &amp; b") != std::string::npos);
  CHECK(count_of(svg, "<text") == count_of(svg, "</text>"));
}

TEST_CASE("a chart that cannot be drawn is refused") {
  UNSPOOL_CHECK_ERROR(us::svg_line_chart(us::ChartSeries{.y = {1, 2}, .x = {1}}), bad_argument, "has 1 and 2");
  UNSPOOL_CHECK_ERROR(us::svg_line_chart(us::ChartSeries{}, {.width = 10}), bad_argument, "200 by 150");
}
