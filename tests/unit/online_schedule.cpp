// States stored while nobody knows how many steps there will be, and the walk back from them.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "schedule_player.hpp"
#include "support/caught.hpp"

namespace us = unspool;
using us::test::Player;

namespace {

using std::int64_t;

int64_t repetitions(int64_t steps, int64_t stored) {
  int64_t r = 0;
  for (double reach = 1; reach < static_cast<double>(steps);
       reach = reach * static_cast<double>(stored + r) / static_cast<double>(r))
    ++r;
  return r;
}

}  // namespace

TEST_CASE("states stored without knowing the length repeat no step more than once more than with it") {
  for (int64_t states = 1; states <= 6; ++states) {
    us::OnlineSchedule online(states);
    for (int64_t n = 1; n <= 1500; ++n) {
      int64_t replaced = 0;
      online.wants(n - 1, &replaced);
      const std::vector<int64_t> stored = online.stored();
      REQUIRE(static_cast<int64_t>(stored.size()) <= states);
      REQUIRE(stored.front() == 0);
      int64_t most = 0;  // computed once at first, then as Revolve does between two stored states
      for (std::size_t i = 0; i < stored.size(); ++i) {
        const int64_t length = (i + 1 < stored.size() ? stored[i + 1] : n) - stored[i];
        most = std::max(most, 2 + repetitions(length, states - static_cast<int64_t>(i)));
      }
      REQUIRE(most <= repetitions(n, states) + 2);
    }
  }
  CHECK(us::test::error_from([] { us::OnlineSchedule(0); }).code() == us::ErrorCode::bad_argument);
}

TEST_CASE("a walk back from stored states does what its plan says, within the budget") {
  struct Row {
    int64_t step, state, budget;
  };
  for (const Row& r : {Row{300, 100, 1000}, {300, 100, 400}, {7, 13, 200}, {1000, 1, 5000}, {64, 640, 20000}}) {
    us::OnlineSchedule online = us::OnlineSchedule::within(r.step, r.state, r.budget);
    for (int64_t n = 1; n <= 700; ++n) {
      int64_t replaced = 0;
      online.wants(n - 1, &replaced);
      if (n > 30 && n % 37 != 0) continue;
      CAPTURE(r.step);
      CAPTURE(n);
      us::Schedule schedule(online, n, r.step, r.state, r.budget);
      const us::Plan plan = schedule.plan();
      const Player played(schedule, online.stored());
      REQUIRE(played.legal);
      CHECK(played.forwards + n == plan.forwards);
      CHECK(played.peak == plan.peak_bytes);
      CHECK(played.peak <= r.budget);
      CHECK(played.states == plan.stored_states);
      CHECK(plan.least_forwards <= plan.forwards);
      REQUIRE(static_cast<int64_t>(played.walked.size()) == n);
      for (int64_t i = 0; i < n; ++i) REQUIRE(played.walked[static_cast<std::size_t>(i)] == n - 1 - i);
      schedule.restart();
      CHECK(Player(schedule, online.stored()).forwards == played.forwards);
    }
  }
}

TEST_CASE("a walk back from stored states needs a run that it comes from and room for them") {
  us::OnlineSchedule online(5);
  const auto code = [&](int64_t steps, int64_t budget) {
    return us::test::error_from([&] { us::Schedule(online, steps, 10, 10, budget); }).code();
  };
  CHECK(code(4, 1000) == us::ErrorCode::bad_argument);  // nobody asked for a step
  int64_t replaced = 0;
  for (int64_t t = 0; t < 4; ++t) online.wants(t, &replaced);
  CHECK(code(3, 1000) == us::ErrorCode::bad_argument);  // there are later states
  CHECK(code(4, 49) == us::ErrorCode::bad_argument);
  CHECK(us::Schedule(online, 4, 10, 10, 50).plan().stored_states == 3);
  const auto within = [](int64_t step, int64_t state, int64_t budget) {
    return us::test::error_from([&] { us::OnlineSchedule::within(step, state, budget); }).code();
  };
  CHECK(within(10, 5, 14) == us::ErrorCode::bad_argument);
  CHECK(within(-1, 5, 100) == us::ErrorCode::bad_argument);
  CHECK(us::OnlineSchedule::within(10, 5, 15).states() == 1);
  CHECK(us::OnlineSchedule::within(10, 5, 26).states() == 3);
  CHECK(us::OnlineSchedule::within(1, 0, INT64_MAX).states() == 4096);
}
