#include "tape/planner.hpp"

#include <algorithm>
#include <numeric>

namespace unspool::detail {
namespace {

using std::int64_t;

constexpr int64_t most_table_work = int64_t{1} << 28;  // a tenth of a second
constexpr int64_t most_table_steps = 5000;             // F <= t (t + 1) / 2 is then a whole number in float
constexpr int64_t most_units_a_state = 6;
constexpr int64_t most_stored = 10'000;  // more would save nothing that can be measured

int64_t ceil_div(int64_t a, int64_t b) { return a / b + (a % b != 0); }

/// min over y in 1..t-1 of y + after[y] + before[y], where after[y] = F(t-y, m-p) and before[y] = F(y, m).
float least_split(int64_t t, const float* after, const float* before) {
  constexpr int64_t lanes = 16;
  float best[lanes];
  std::fill_n(best, lanes, 1e30f);
  int64_t y = 1;
  for (; y + lanes <= t; y += lanes)
    for (int64_t j = 0; j < lanes; ++j) {
      const float f = static_cast<float>(y + j) + after[y + j] + before[y + j];
      best[j] = f < best[j] ? f : best[j];
    }
  for (; y < t; ++y) best[0] = std::min(best[0], static_cast<float>(y) + after[y] + before[y]);
  return *std::min_element(best, best + lanes);
}

}  // namespace

Planner::Planner(int64_t steps, int64_t step_bytes, int64_t state_bytes, int64_t budget)
    : steps_(steps),
      step_bytes_(std::max<int64_t>(step_bytes, 1)),
      state_bytes_(std::max<int64_t>(state_bytes, 1)),
      budget_(budget) {
  fill_capacities({&steps_, 1});
  if (steps_ <= kept_at_most(0)) return;
  choose_units();
  if (rows_ == 0) return;
  const int64_t by_capacity = cost().forwards;
  fill_table();
  // Units that do not divide the sizes round up.
  by_table_ = exact_units_ || entry(rows_ - 1, steps_) <= static_cast<float>(by_capacity);
  if (by_table_) keep_decisions();
  std::vector<float>().swap(table_);
}

Planner::Planner(std::span<const int64_t> stretches, int64_t step_bytes, int64_t state_bytes, int64_t budget)
    : steps_(std::accumulate(stretches.begin(), stretches.end(), int64_t{0})),
      step_bytes_(std::max<int64_t>(step_bytes, 1)),
      state_bytes_(std::max<int64_t>(state_bytes, 1)),
      budget_(budget) {
  fill_capacities(stretches);
}

// The table counts memory in units that divide the sizes, or nearly.
void Planner::choose_units() {
  if (steps_ > most_table_steps) return;
  const auto affordable = [&](int64_t unit) {
    const int64_t rows = budget_ / unit + 1;
    return rows <= most_table_work && rows * steps_ <= most_table_work / std::max<int64_t>(steps_ / 2, 1);
  };
  const auto take = [&](int64_t unit) {
    state_size_ = ceil_div(state_bytes_, unit);
    step_size_ = ceil_div(step_bytes_, unit);
    rows_ = budget_ / unit + 1;
  };
  const int64_t divisor = std::gcd(state_bytes_, step_bytes_);
  exact_units_ = affordable(divisor);
  if (exact_units_) return take(divisor);
  double best = 0;
  for (int64_t parts = 1; parts <= most_units_a_state; ++parts) {
    const int64_t unit = ceil_div(state_bytes_, parts);
    const double steps_kept = static_cast<double>(budget_ / unit) / static_cast<double>(ceil_div(step_bytes_, unit));
    const bool enough = budget_ / unit >= ceil_div(step_bytes_, unit) + ceil_div(state_bytes_, unit);
    if (!affordable(unit) || !enough || steps_kept <= best) continue;
    best = steps_kept;
    take(unit);
  }
}

void Planner::fill_table() {
  table_.assign(static_cast<std::size_t>(rows_ * (steps_ + 1)), infinite);
  std::vector<float> reversed(static_cast<std::size_t>(steps_ + 1), infinite);  // F(steps - i, m - p) at i
  for (int64_t m = 0; m < rows_; ++m) {
    float* const row = table_.data() + m * (steps_ + 1);
    row[0] = 0;
    if (m < step_size_) continue;
    row[1] = 1;
    if (m >= state_size_) {
      const float* const after = row - state_size_ * (steps_ + 1);
      std::reverse_copy(after, after + steps_ + 1, reversed.begin());
    }
    for (int64_t t = 2; t <= steps_; ++t) {
      const float keeping = 1 + entry(m - step_size_, t - 1);
      const float cutting = m < state_size_ ? infinite : least_split(t, reversed.data() + steps_ - t, row);
      row[t] = std::min({keeping, cutting, infinite});
    }
  }
}

Decision Planner::decide_by_table(int64_t steps, int64_t room) const {
  const float least = entry(room, steps);
  if (1 + entry(room - step_size_, steps - 1) == least) return {.keep = 1};
  int64_t y = 1;
  while (static_cast<float>(y) + entry(room - state_size_, steps - y) + entry(room, y) != least) ++y;
  return {.advance = y};
}

// A schedule comes to few of the table's entries. What it does there takes kilobytes where the table took megabytes,
// which would be the budget's.
void Planner::keep_decisions() {
  std::map<std::pair<int64_t, int64_t>, Decision> found;
  std::vector<std::pair<int64_t, int64_t>> open{{steps_, whole()}};
  while (!open.empty()) {
    const auto [steps, room] = open.back();
    open.pop_back();
    if (steps == 0) continue;
    const auto [at, fresh] = found.try_emplace({steps, room});
    if (!fresh) continue;
    const Decision d = at->second = decide_by_table(steps, room);
    if (d.keep > 0) {
      open.emplace_back(steps - 1, room - step_size_);
    } else {
      open.emplace_back(steps - d.advance, room - state_size_);
      open.emplace_back(d.advance, room);
    }
  }
  decisions_.reserve(found.size());
  for (const auto& [key, d] : found)
    decisions_.push_back({static_cast<std::int32_t>(key.first), static_cast<std::int32_t>(key.second),
                          static_cast<std::int32_t>(d.advance)});
}

Decision Planner::decision_at(int64_t steps, int64_t room) const {
  const auto place = [](const Known& known) { return std::pair<int64_t, int64_t>(known.steps, known.room); };
  const auto at = std::ranges::lower_bound(decisions_, std::pair(steps, room), {}, place);
  return at->advance == 0 ? Decision{.keep = 1} : Decision{.advance = at->advance};
}

void Planner::fill_capacities(std::span<const int64_t> stretches) {
  const int64_t stored = std::clamp<int64_t>((budget_ - step_bytes_) / state_bytes_, 0, std::min(steps_, most_stored));
  auto& kept = capacities_.emplace_back(static_cast<std::size_t>(stored + 1));
  for (int64_t i = 0; i <= stored; ++i) kept[static_cast<std::size_t>(i)] = std::min(kept_at_most(i), steps_);
  const auto short_of = [&] {
    for (std::size_t i = 0; i < stretches.size(); ++i)
      if (capacities_.back()[i] < stretches[i]) return true;
    return false;
  };
  while (short_of()) {
    std::vector<int64_t> next = capacities_.back();
    for (int64_t i = stored; i-- > 0;) {
      auto& c = next[static_cast<std::size_t>(i)];
      c = std::min(c + next[static_cast<std::size_t>(i + 1)], steps_);
    }
    capacities_.push_back(std::move(next));
  }
}

int64_t Planner::capacity(int64_t stored, int64_t repeats) const {
  return repeats == 0 ? 0 : capacities_[static_cast<std::size_t>(repeats - 1)][static_cast<std::size_t>(stored)];
}

Decision Planner::decide_by_capacity(int64_t steps, int64_t stored) const {
  if (steps <= capacity(stored, 1)) return {.keep = steps};
  const auto short_of = [&](const std::vector<int64_t>& c) { return c[static_cast<std::size_t>(stored)] < steps; };
  const int64_t r = std::partition_point(capacities_.begin(), capacities_.end(), short_of) - capacities_.begin() + 1;
  const int64_t y = std::min(capacity(stored, r - 1), steps - capacity(stored + 1, r - 1));
  return {.advance = std::clamp<int64_t>(y, 1, steps - 1)};
}

StretchCost Planner::cost() const {
  Costs known;
  return cost_of(steps_, whole(), known);
}

StretchCost Planner::cost_of(std::span<const int64_t> stretches) const {
  Costs known;
  StretchCost sum;
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    const auto before = static_cast<int64_t>(i);
    const StretchCost one = cost_of(stretches[i], before, known);
    sum.forwards += one.forwards;
    sum.bytes = std::max(sum.bytes, one.bytes + before * state_bytes_);
    sum.states = std::max(sum.states, one.states + before);
    sum.kept = std::max(sum.kept, one.kept);
  }
  return sum;
}

// What is left of a cut is gone on with in the loop, what is right of it by recursion, at most most_stored deep.
StretchCost Planner::cost_of(int64_t steps, int64_t room, Costs& known) const {
  const std::pair key(steps, room);
  if (const auto at = known.find(key); at != known.end()) return at->second;
  StretchCost sum;
  while (steps > 0) {
    const Decision d = decide(steps, room);
    const bool keeps = d.keep > 0;
    StretchCost rest = keeps ? cost_of(steps - d.keep, after_keeping(room, d.keep), known)
                             : cost_of(steps - d.advance, after_storing(room), known);
    (keeps ? rest.kept : rest.states) += keeps ? d.keep : 1;
    rest.bytes += keeps ? d.keep * step_bytes_ : state_bytes_;
    sum.forwards += rest.forwards + d.keep + d.advance;
    sum.bytes = std::max(sum.bytes, rest.bytes);
    sum.states = std::max(sum.states, rest.states);
    sum.kept = std::max(sum.kept, rest.kept);
    steps = d.advance;
  }
  return known[key] = sum;
}

// Taking steps out of a schedule leaves one for the others, so of all steps at most N(M, r) are computed no more than
// r times, where N is the longest sequence for which a schedule can do that with every step: F >= sum of T - N(M, r).
int64_t Planner::least_forwards(int64_t forwards) const {
  if (exact_units_ || steps_ <= kept_at_most(0)) return forwards;
  constexpr int64_t most_entries = 4'000'000;
  int64_t bound = 2 * steps_ - kept_at_most(0);  // r = 0 and r = 1
  const int64_t unit = std::max(std::gcd(state_bytes_, step_bytes_), ceil_div(budget_, 4096));
  if (unit > std::min(state_bytes_, step_bytes_)) return bound;
  const int64_t p = state_bytes_ / unit, q = step_bytes_ / unit, rows = budget_ / unit + 2;
  std::vector<int64_t> longest(static_cast<std::size_t>(rows));
  for (int64_t m = 0; m < rows; ++m) longest[static_cast<std::size_t>(m)] = m / q;
  for (int64_t done = rows; done < most_entries && longest.back() < steps_; done += rows) {
    for (int64_t m = q; m < rows; ++m) {
      auto& n = longest[static_cast<std::size_t>(m)];
      const int64_t cut = m >= p ? n + longest[static_cast<std::size_t>(m - p)] : n;
      n = std::min(std::max(cut, 1 + longest[static_cast<std::size_t>(m - q)]), steps_);
    }
    bound += steps_ - longest.back();
  }
  return std::min(bound, forwards);
}

void retain(const Planner& planner) noexcept { planner.take(); }
void release(const Planner& planner) noexcept {
  if (planner.give_back()) delete &planner;
}
void drop_planner(const Planner* planner) noexcept {
  if (planner != nullptr) release(*planner);
}

}  // namespace unspool::detail
