// Plans against published figures, against the plainest search, and against a count of what their schedules do.
#include "unspool/plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "schedule_player.hpp"
#include "support/caught.hpp"

namespace us = unspool;
using us::test::Player;

namespace {

using std::int64_t;

/// Every schedule of t steps in memory m: keep the first step or cut anywhere (Maddison 2024, with states of 1).
class Search {
 public:
  explicit Search(int64_t step) : step_(step) {}
  int64_t operator()(int64_t t, int64_t m) {
    if (t == 0) return 0;
    if (m < step_) return never;
    if (t == 1) return 1;
    const auto known = known_.find({t, m});
    if (known != known_.end()) return known->second;
    int64_t best = 1 + (*this)(t - 1, m - step_);
    for (int64_t y = 1; y < t; ++y) best = std::min(best, y + (*this)(t - y, m - 1) + (*this)(y, m));
    return known_[{t, m}] = std::min(best, never);
  }
  static constexpr int64_t never = int64_t{1} << 40;

 private:
  int64_t step_;
  std::map<std::pair<int64_t, int64_t>, int64_t> known_;
};

void check_schedule(int64_t steps, int64_t step_bytes, int64_t state_bytes, int64_t budget) {
  CAPTURE(steps);
  CAPTURE(step_bytes);
  CAPTURE(state_bytes);
  CAPTURE(budget);
  us::Schedule schedule(steps, step_bytes, state_bytes, budget);
  const us::Plan plan = schedule.plan();
  const Player played(schedule);
  REQUIRE(played.legal);
  CHECK(played.forwards == plan.forwards);
  CHECK(played.peak == plan.peak_bytes);
  CHECK(played.peak <= budget);
  CHECK(played.states == plan.stored_states);
  CHECK(played.kept == plan.kept_steps);
  CHECK(plan.least_forwards <= plan.forwards);
  REQUIRE(static_cast<int64_t>(played.walked.size()) == steps);
  REQUIRE(static_cast<int64_t>(played.before_first_back.size()) == steps);
  bool in_order = true;
  for (int64_t i = 0; i < steps; ++i) {
    in_order &= played.walked[static_cast<std::size_t>(i)] == steps - 1 - i;
    in_order &= played.before_first_back[static_cast<std::size_t>(i)] == i;
  }
  CHECK(in_order);
}

}  // namespace

TEST_CASE("the fewest recomputed steps are those of the published table") {
  struct Row {
    std::int64_t steps, stored, again;
  };
  for (const Row& r : {Row{4, 2, 4},
                       {5, 2, 6},
                       {7, 2, 11},
                       {10, 2, 20},
                       {10, 3, 15},
                       {20, 3, 45},
                       {30, 4, 69},
                       {56, 3, 210},
                       {60, 5, 156},
                       {1000, 10, 3636},
                       {1000, 50, 1948},
                       {1000, 100, 1898},
                       {6, 1, 15}}) {
    CAPTURE(r.steps);
    CAPTURE(r.stored);
    CHECK(us::least_recomputation(r.steps, r.stored) == r.again);
  }
  CHECK(us::least_recomputation(1, 1) == 0);
  CHECK(us::least_recomputation(9, 1000) == 8);
}

TEST_CASE("mixed plans have the published numbers of forwards") {
  struct Row {
    int64_t steps, memory, forwards;
  };
  for (const Row& r : {Row{5, 4, 15}, {5, 6, 9}, {8, 6, 18}, {10, 8, 20}, {10, 12, 17}, {20, 12, 39}}) {
    CAPTURE(r.steps);
    CAPTURE(r.memory);
    const us::Plan plan = us::plan(r.steps, 3, 1, r.memory);
    CHECK(plan.forwards == r.forwards);
    CHECK(plan.is_least());
  }
}

TEST_CASE("a thousand steps within a part of their memory cost what was published") {
  struct Row {
    int64_t memory, forwards;
    double slowdown;
  };
  for (const Row& r : {Row{15, 4115, 2.04},
                       {30, 2896, 1.63},
                       {60, 2409, 1.47},
                       {90, 1985, 1.33},
                       {150, 1957, 1.32},
                       {300, 1904, 1.30}}) {
    CAPTURE(r.memory);
    const us::Plan plan = us::plan(1000, 3, 1, r.memory);
    CHECK(plan.forwards == r.forwards);
    CHECK(plan.slowdown() == doctest::Approx(r.slowdown).epsilon(0.005));
  }
}

TEST_CASE("no schedule found by trying all of them computes fewer steps") {
  for (const int64_t step : {1, 2, 3, 5}) {
    Search least(step);
    for (int64_t t = 1; t <= 24; ++t)
      for (int64_t m = 0; m <= 30; ++m) {
        const int64_t f = least(t, m);
        CAPTURE(t);
        CAPTURE(m);
        if (f < Search::never)
          CHECK(us::plan(t, step, 1, m).forwards == f);
        else
          CHECK(us::test::error_from([&] { us::plan(t, step, 1, m); }).code() == us::ErrorCode::bad_argument);
      }
  }
}

TEST_CASE("with only the step under way kept, a mixed plan is never worse than Revolve") {
  for (const int64_t t : {4, 10, 30, 60})
    for (const int64_t s : {2, 3, 5}) CHECK(us::plan(t, 3, 1, s + 3).forwards <= t + us::least_recomputation(t, s));
}

TEST_CASE("a schedule does what its plan says, step by step") {
  for (const int64_t t : {0, 1, 2, 3, 17, 100})
    for (const int64_t m : {400, 401, 700, 1000, 1700, 50000}) check_schedule(t, 300, 100, m);
  check_schedule(60, 7, 13, 40);        // a state larger than a step
  check_schedule(500, 997, 331, 9000);  // sizes without a common divisor
  check_schedule(300, 1000, 1, 5000);
  check_schedule(12000, 640, 200, 30000);  // too long for the table
  CHECK(us::plan(9, 0, 0, 20).forwards == 9);
}

TEST_CASE("long plans stay close to what no schedule can do without") {
  const us::Plan roomy = us::plan(1'000'000, 2176, 640, us::MiB(200)),
                 tight = us::plan(1'000'000, 2176, 640, us::MiB(1));
  CHECK(static_cast<double>(roomy.forwards) < 1.0001 * static_cast<double>(roomy.least_forwards));
  CHECK(static_cast<double>(tight.forwards) < 1.06 * static_cast<double>(tight.least_forwards));
  const us::Plan least = us::plan(1'000'000, 2, 1, 3);
  CHECK(least.forwards == 500'000'500'000);
}

TEST_CASE("a schedule starts over, and moves") {
  us::Schedule first(30, 3, 1, 8);
  us::Action a;
  first.next(a);
  first.next(a);
  us::Schedule second = std::move(first);
  second.restart();
  CHECK(Player(second).forwards == second.plan().forwards);
  CHECK_FALSE(second.next(a));
}

TEST_CASE("a plan is printed with its peak, forwards and slowdown") {
  CHECK(us::plan(1000, 3000, 1000, 30'000).to_string() ==
        "1000 steps of 3000 bytes, states of 1000 bytes, within 29.3 KiB\n"
        "  peak      29.3 KiB: up to 27 states stored, up to 10 steps kept\n"
        "  forwards  2896, the fewest possible\n"
        "  slowdown  1.63x when a backward step takes two forward ones\n");
  CHECK(us::plan(1000, 3, 1, 3000).slowdown() == 1);
  CHECK(us::plan(0, 3, 1, 0).slowdown() == 1);
}

TEST_CASE("an impossible budget is told with the least possible one") {
  const us::Error two = us::test::error_from([] { us::plan(10, 300, 100, 399); });
  CHECK(two.code() == us::ErrorCode::bad_argument);
  CHECK(std::string(two.what()) ==
        "plan: the budget must be at least 400 bytes, one step and one state; given 399 (E004)");
  CHECK(us::plan(10, 300, 100, 400).forwards == 55);
  CHECK(us::least_budget(10, 300, 100) == 400);
  CHECK(us::least_budget(1, 300, 100) == 300);
  CHECK(us::least_budget(0, 300, 100) == 0);
  for (const int64_t budget : {int64_t{0}, int64_t{-1}, INT64_MIN})
    CHECK(us::test::error_from([&] { us::plan(10, 300, 100, budget); }).code() == us::ErrorCode::bad_argument);
  CHECK(us::test::error_from([] { us::plan(-1, 300, 100, 1000); }).code() == us::ErrorCode::bad_argument);
  CHECK(us::test::error_from([] { us::plan(1, -300, 100, 1000); }).code() == us::ErrorCode::bad_argument);
  CHECK(us::test::error_from([] { us::plan(3, INT64_MAX, INT64_MAX, 1000); }).code() == us::ErrorCode::bad_argument);
  CHECK(us::plan(INT64_MAX / 4, 1, 1, INT64_MAX).forwards == INT64_MAX / 4);
}
