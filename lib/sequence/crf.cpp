#include "unspool/crf.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "unspool/maths.hpp"
#include "unspool/ops.hpp"
#include "unspool/recording.hpp"

namespace unspool {
namespace {

constexpr double forbidden = -std::numeric_limits<double>::infinity();

std::size_t place(std::int64_t i) { return static_cast<std::size_t>(i); }

// One number that a path's score would contain; a NaN would make every comparison false.
template <class T>
double number(T value, const char* what) {
  const double real = maths::value(value);
  detail::require(!std::isnan(real), ErrorCode::nonfinite, "CRF.decode", "{} must not be NaN", what);
  return real;
}

/// The best path through one row, given what is added at a step, between two, at the start and at the end.
template <class Emission, class Transition, class Edge>
TagPath best_path(std::int64_t steps, std::int64_t tags, Emission emission, Transition transition, Edge start,
                  Edge end) {
  TagPath path;
  if (steps == 0) return path;
  std::vector<double> best(place(tags)), next(place(tags));
  std::vector<std::int32_t> before(place(steps * tags));  // the tag at t - 1 on the best path to each tag at t
  for (std::int64_t k = 0; k < tags; ++k) best[place(k)] = start(k) + emission(0, k);
  for (std::int64_t t = 1; t < steps; ++t) {
    for (std::int64_t to = 0; to < tags; ++to) {
      std::int64_t from = 0;
      double most = forbidden;
      for (std::int64_t i = 0; i < tags; ++i)
        if (const double score = best[place(i)] + transition(i, to); score > most) most = score, from = i;
      next[place(to)] = most + emission(t, to);
      before[place(t * tags + to)] = static_cast<std::int32_t>(from);
    }
    best.swap(next);
  }
  for (std::int64_t k = 0; k < tags; ++k) best[place(k)] += end(k);
  const auto last = std::max_element(best.begin(), best.end());
  path.score = last == best.end() ? forbidden : *last;
  if (path.score == forbidden) return path;
  path.tags.resize(place(steps));
  path.tags.back() = last - best.begin();
  for (std::int64_t t = steps - 1; t > 0; --t) path.tags[place(t - 1)] = before[place(t * tags + path.tags[place(t)])];
  return path;
}

}  // namespace

template <Scalar T>
CRF<T>::CRF(ParameterSet<T>& params, std::string name, const CRFOptions& options)
    : name_(std::move(name)), tags_(options.tags) {
  detail::require(tags_ > 0, ErrorCode::bad_argument, "CRF", "tags must be above 0; given {} for \"{}\"", tags_, name_);
  const std::string prefix = name_.empty() ? "" : name_ + ".";
  start_ = &params.add(prefix + "start_transitions", {tags_}, options.init);
  end_ = &params.add(prefix + "end_transitions", {tags_}, options.init);
  transitions_ = &params.add(prefix + "transitions", {tags_, tags_}, options.init);
}

template <Scalar T>
Var<T> CRF<T>::operator()(const Var<T>& emissions, const Ids& tags, const Ids& lengths, Reduction reduction,
                          Where where) const {
  const LabelGuard scope = detail::enter_scope(detail::tape_of(emissions, "CRF"), name_);
  return crf_loss(emissions, *transitions_, *start_, *end_, tags, lengths, reduction, where);
}

template <Scalar T>
std::vector<TagPath> CRF<T>::decode(const Shape& shape, std::span<const T> emissions, const Ids& lengths) const {
  detail::require(shape.rank() == 3 && shape[2] == tags_, ErrorCode::shape_mismatch, "CRF.decode",
                  "emissions must be [T,B,{}], time first; given {}", tags_, shape.to_string());
  const std::int64_t steps = shape[0], rows = shape[1];
  detail::require(lengths.size() == rows, ErrorCode::shape_mismatch, "CRF.decode",
                  "needs one length a row of the batch, {}; given {}", rows, lengths.size());
  const std::span<const T> transitions = transitions_->values(), start = start_->values(), end = end_->values();
  std::vector<TagPath> paths;
  for (std::int64_t b = 0; b < rows; ++b) {
    detail::require(lengths[b] >= 0 && lengths[b] <= steps, ErrorCode::bad_argument, "CRF.decode",
                    "lengths must be in 0..{}; that of row {} is {}", steps, b, lengths[b]);
    const auto edge = [&](std::span<const T> scores) {
      return [scores](std::int64_t k) { return number(scores[place(k)], "start and end transitions"); };
    };
    paths.push_back(best_path(
        lengths[b], tags_,
        [&](std::int64_t t, std::int64_t k) {
          return number(emissions[place((t * rows + b) * tags_ + k)], "emissions");
        },
        [&](std::int64_t i, std::int64_t j) { return number(transitions[place(i * tags_ + j)], "transitions"); },
        edge(start), edge(end)));
  }
  return paths;
}

template class CRF<float>;
template class CRF<double>;
template class CRF<Dual<double>>;

}  // namespace unspool
