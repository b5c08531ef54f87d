#include "unspool/beam.hpp"

#include <algorithm>
#include <limits>

#include "generate/distribution.hpp"

namespace unspool {
namespace {

constexpr const char* op = "beam_search";
constexpr std::int64_t root = -1;

std::size_t place(std::int64_t i) { return static_cast<std::size_t>(i); }

}  // namespace

BeamSearch::BeamSearch(const BeamOptions& options) : options_(options), live_{root}, symbols_{options.start} {
  const auto check = [](bool holds, const char* what, auto given) {
    detail::require(holds, ErrorCode::bad_argument, op, "{}; given {}", what, given);
  };
  check(options.width >= 1, "width must be at least 1", options.width);
  check(options.max_steps >= 1, "max_steps must be at least 1", options.max_steps);
  check(options.best >= 1 && options.best <= options.width, "best must be in 1..width", options.best);
  check(options.end >= -1, "end must be a symbol, or -1 for none", options.end);
  check(options.length_penalty >= 0 && std::isfinite(options.length_penalty),
        "length_penalty must be a number of at least 0", options.length_penalty);
  parents_ = {0};
  log_probs_ = {0};
}

template <Scalar T>
void BeamSearch::advance(std::span<const T> logits) {
  detail::require(!done_, ErrorCode::bad_argument, op,
                  "a search that is done must not be advanced; {} steps were taken", steps_);
  detail::require(!logits.empty() && logits.size() % live_.size() == 0, ErrorCode::shape_mismatch, op,
                  "needs as many logits, one or more, for each of {} live hypotheses; given {}", live_.size(),
                  logits.size());
  const std::size_t V = logits.size() / live_.size();
  detail::require(options_.end < static_cast<std::int64_t>(V), ErrorCode::index_out_of_range, op,
                  "the end symbol must be one of the {} symbols; it is {}", V, options_.end);
  row_.resize(logits.size());
  for (std::size_t i = 0; i < live_.size(); ++i)
    detail::log_softmax_of(logits.subspan(i * V, V), row_.data() + i * V, op);
  ++steps_;
  candidates_.clear();
  for (std::int64_t i = 0; i < live(); ++i)
    for (std::int64_t symbol = 0; symbol < static_cast<std::int64_t>(V); ++symbol) {
      const double log_prob = log_probs_[place(i)] + row_[place(i) * V + place(symbol)];
      if (log_prob == detail::impossible) continue;
      if (symbol == options_.end)
        finish(log_prob, live_[place(i)]);
      else
        candidates_.push_back({log_prob, i, symbol});
    }
  keep_best();
  check_done();
}

double BeamSearch::score(double log_prob, std::int64_t length) const {
  return log_prob / std::pow(static_cast<double>(length), options_.length_penalty);
}

void BeamSearch::finish(double log_prob, std::int64_t node) {
  const Finished one{node, log_prob, score(log_prob, steps_)};
  const auto at = std::upper_bound(finished_.begin(), finished_.end(), one,
                                   [](const Finished& a, const Finished& b) { return a.score > b.score; });
  finished_.insert(at, one);
  if (static_cast<std::int64_t>(finished_.size()) > options_.width) finished_.pop_back();
}

void BeamSearch::keep_best() {
  const auto kept = static_cast<std::ptrdiff_t>(std::min(candidates_.size(), place(options_.width)));
  std::partial_sort(candidates_.begin(), candidates_.begin() + kept, candidates_.end(),
                    [](const Candidate& a, const Candidate& b) {
                      if (a.log_prob != b.log_prob) return a.log_prob > b.log_prob;
                      return a.row != b.row ? a.row < b.row : a.symbol < b.symbol;
                    });
  const std::vector<std::int64_t> before = live_;
  live_.clear(), symbols_.clear(), parents_.clear(), log_probs_.clear();
  for (std::ptrdiff_t i = 0; i < kept; ++i) {
    const Candidate& c = candidates_[static_cast<std::size_t>(i)];
    live_.push_back(static_cast<std::int64_t>(nodes_.size()));
    nodes_.push_back({before[place(c.row)], c.symbol});
    symbols_.push_back(c.symbol);
    parents_.push_back(c.row);
    log_probs_.push_back(c.log_prob);
  }
}

// A live hypothesis can lose probability but not gain any, and what is left scores best where it is longest.
void BeamSearch::check_done() {
  done_ = live_.empty() || steps_ >= options_.max_steps;
  if (done_ || static_cast<std::int64_t>(finished_.size()) < options_.best) return;
  const std::int64_t length = options_.early ? steps_ + 1 : options_.max_steps;
  done_ = score(log_probs_.front(), length) <= finished_[place(options_.best - 1)].score;
}

std::vector<std::int64_t> BeamSearch::spelled(std::int64_t node) const {
  std::vector<std::int64_t> symbols;
  for (; node != root; node = nodes_[place(node)].parent) symbols.push_back(nodes_[place(node)].symbol);
  std::reverse(symbols.begin(), symbols.end());
  return symbols;
}

std::vector<Hypothesis> BeamSearch::results() const {
  std::vector<Hypothesis> all;
  const auto missing = [&] { return static_cast<std::int64_t>(all.size()) < options_.best; };
  for (std::size_t i = 0; i < finished_.size() && missing(); ++i)
    all.push_back({spelled(finished_[i].node), finished_[i].log_prob, finished_[i].score, true});
  for (std::size_t i = 0; i < live_.size() && missing(); ++i)
    all.push_back({spelled(live_[i]), log_probs_[i], steps_ == 0 ? 0 : score(log_probs_[i], steps_), false});
  return all;
}

template UNSPOOL_API void BeamSearch::advance(std::span<const float>);
template UNSPOOL_API void BeamSearch::advance(std::span<const double>);

}  // namespace unspool
