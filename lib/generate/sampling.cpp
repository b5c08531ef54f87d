#include "unspool/sampling.hpp"

#include <algorithm>
#include <numeric>

#include "generate/distribution.hpp"

namespace unspool {
namespace {

template <class T>
detail::Largest possible_largest(std::span<const T> logits, std::string_view op) {
  const detail::Largest most = detail::largest_of(logits, op);
  detail::require(most.value != detail::impossible, ErrorCode::bad_argument, op,
                  "at least one symbol must be possible; all of {} logits are -inf", logits.size());
  return most;
}

}  // namespace

template <Scalar T>
std::int64_t greedy(std::span<const T> logits) {
  return possible_largest(logits, "greedy").at;
}

Sampler::Sampler(const SamplingOptions& options, Seed seed, std::uint64_t stream)
    : options_(options), random_(seed, stream) {
  const auto check = [](bool holds, const char* what, auto given) {
    detail::require(holds, ErrorCode::bad_argument, "Sampler", "{}; given {}", what, given);
  };
  check(options.temperature >= 0 && std::isfinite(options.temperature), "temperature must be a number of at least 0",
        options.temperature);
  check(options.top_k >= 0, "top_k must be at least 0", options.top_k);
  check(options.top_p > 0 && options.top_p <= 1, "top_p must be above 0 and at most 1", options.top_p);
}

template <Scalar T>
std::int64_t Sampler::operator()(std::span<const T> logits) {
  const detail::Largest most = possible_largest(logits, "Sampler");
  log_prob_ = 0;
  if (options_.temperature == 0) return most.at;
  weights_.resize(logits.size());
  order_.resize(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double below = static_cast<double>(logits[i]) - most.value;  // the largest stays 0 at any temperature
    weights_[i] = below == 0 ? 1 : std::exp(below / options_.temperature);
  }
  std::iota(order_.begin(), order_.end(), 0);
  return draw();
}

std::int64_t Sampler::draw() {
  const auto weight = [&](std::int64_t symbol) { return weights_[static_cast<std::size_t>(symbol)]; };
  auto kept = order_.size();
  if (options_.top_k > 0 || options_.top_p < 1) {
    if (options_.top_k > 0) kept = std::min(kept, static_cast<std::size_t>(options_.top_k));
    std::partial_sort(
        order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(kept), order_.end(),
        [&](std::int64_t a, std::int64_t b) { return weight(a) != weight(b) ? weight(a) > weight(b) : a < b; });
  }
  double total = 0;
  for (std::size_t i = 0; i < kept; ++i) total += weight(order_[i]);
  if (options_.top_p < 1) {
    double sum = 0;
    std::size_t count = 0;
    while (count < kept && sum < options_.top_p * total) sum += weight(order_[count++]);
    kept = count;
    total = sum;
  }
  // The last symbol that is possible takes what rounding leaves over.
  double left = random_.uniform() * total;
  std::int64_t drawn = order_[0];
  for (std::size_t i = 0; i < kept; ++i) {
    if (weight(order_[i]) == 0) continue;
    drawn = order_[i];
    left -= weight(drawn);
    if (left < 0) break;
  }
  log_prob_ = std::log(weight(drawn) / total);
  return drawn;
}

bool Sampler::coin(double logit) {
  detail::require(!std::isnan(logit), ErrorCode::nonfinite, "Sampler.coin", "the logit must be a number; given {}",
                  logit);
  return random_.uniform() < 1 / (1 + std::exp(-logit));
}

template UNSPOOL_API std::int64_t greedy(std::span<const float>);
template UNSPOOL_API std::int64_t greedy(std::span<const double>);
template UNSPOOL_API std::int64_t Sampler::operator()(std::span<const float>);
template UNSPOOL_API std::int64_t Sampler::operator()(std::span<const double>);

}  // namespace unspool
