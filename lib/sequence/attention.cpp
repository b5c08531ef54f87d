#include "unspool/attention.hpp"

#include <cmath>

#include "base/check.hpp"
#include "sequence/layout.hpp"
#include "unspool/ops.hpp"

namespace unspool {
namespace {

constexpr const char* op = "Attention";

template <Scalar T>
Parameter<T>* add_weight(ParameterSet<T>& params, const std::string& name, std::int64_t rows, std::int64_t columns) {
  const double bound = 1 / std::sqrt(static_cast<double>(columns));
  return &params.add(name, {rows, columns}, uniform(-bound, bound));
}

// [B,S]: 1 where a row has the step.
template <Scalar T>
Var<T> mask_of(const Sequence<T>& xs, Where where) {
  detail::TapeCore& tape = *xs.packed().tape();
  const std::int64_t batch = xs.batch(), steps = xs.steps();
  detail::Scratch<T> mask(tape, batch * steps);
  for (std::int64_t b = 0; b < batch; ++b)
    std::fill_n(mask.begin() + b * steps, xs.lengths()[static_cast<std::size_t>(b)], T{1});
  return Var<T>(detail::record_leaf(tape, {batch, steps}, mask.begin(), false, where));
}

}  // namespace

template <Scalar T>
Attention<T>::Attention(ParameterSet<T>& params, std::string name, const AttentionOptions& options)
    : name_(std::move(name)), options_(options) {
  detail::require(options.query > 0 && options.memory > 0 && options.hidden >= 0, ErrorCode::bad_argument, op,
                  "query and memory must be above 0, hidden at least 0; given {}, {} and {} for \"{}\"", options.query,
                  options.memory, options.hidden, name_);
  if (options_.hidden == 0) options_.hidden = options.query;
  const std::string prefix = name_.empty() ? "" : name_ + ".";
  switch (options.score) {
    case AttentionScore::dot:
      detail::require(options.query == options.memory, ErrorCode::bad_argument, op,
                      "the dot product needs query and memory of one width; given {} and {} for \"{}\"", options.query,
                      options.memory, name_);
      break;
    case AttentionScore::general:
      weight_ = add_weight(params, prefix + "weight", options.query, options.memory);
      break;
    case AttentionScore::additive:
      query_weight_ = add_weight(params, prefix + "query_weight", options_.hidden, options.query);
      memory_weight_ = add_weight(params, prefix + "memory_weight", options_.hidden, options.memory);
      score_weight_ = add_weight(params, prefix + "score_weight", 1, options_.hidden);
      break;
  }
}

template <Scalar T>
AttentionMemory<T> Attention<T>::memory(const Sequence<T>& xs, Where where) const {
  const LabelGuard scope = detail::enter_scope(detail::tape_of(xs.packed(), op), name_);
  const Shape given = xs.packed().shape();
  detail::require(given.rank() == 2 && given[1] == options_.memory, ErrorCode::shape_mismatch, op,
                  "the memory must have rows [{}]; its packed values are {}", options_.memory, given);
  const Var<T> values = transpose(xs.padded(0, where), 0, 1, where);
  const Parameter<T>* weight = options_.score == AttentionScore::additive ? memory_weight_ : weight_;
  return {values, weight == nullptr ? values : linear(values, *weight, where), mask_of(xs, where)};
}

// queries [B,N,Q] -> [B,N,S].
template <Scalar T>
Var<T> Attention<T>::scores(const Var<T>& queries, const AttentionMemory<T>& memory, Where where) const {
  if (options_.score != AttentionScore::additive) return matmul(queries, memory.keys, false, true, where);
  const std::int64_t batch = queries.shape()[0], count = queries.shape()[1], steps = memory.keys.shape()[1];
  const std::int64_t width = options_.hidden;
  const Var<T> asked = reshape(linear(queries, *query_weight_, where), {batch, count, 1, width}, where);
  const Var<T> known = reshape(memory.keys, {batch, 1, steps, width}, where);
  return reshape(linear(tanh(add(asked, known, where), where), *score_weight_, where), {batch, count, steps}, where);
}

template <Scalar T>
Attended<T> Attention<T>::operator()(const Var<T>& query, const AttentionMemory<T>& memory, Where where) const {
  const LabelGuard scope = detail::enter_scope(detail::tape_of(query, op), name_);
  const Shape given = query.shape(), values = memory.values.shape();
  detail::require((given.rank() == 2 || given.rank() == 3) && given[-1] == options_.query && values.rank() == 3 &&
                      given[0] == values[0] && values[2] == options_.memory,
                  ErrorCode::shape_mismatch, op,
                  "needs queries [B,{}] or [B,N,{}] and a memory of as many rows, [B,S,{}]; given {} and {}",
                  options_.query, options_.query, options_.memory, given, values);
  const std::int64_t batch = given[0], count = given.rank() == 3 ? given[1] : 1, steps = values[1];
  const Var<T> queries = given.rank() == 3 ? query : reshape(query, {batch, 1, options_.query}, where);
  const Var<T> mask = reshape(memory.mask, {batch, 1, steps}, where);
  const Var<T> weights = masked_softmax(scores(queries, memory, where), mask, where);
  const Var<T> context = matmul(weights, memory.values, false, false, where);
  if (given.rank() == 3) return {context, weights};
  return {reshape(context, {batch, options_.memory}, where), reshape(weights, {batch, count * steps}, where)};
}

template <Scalar T>
Sequence<T> Attention<T>::operator()(const Sequence<T>& queries, const AttentionMemory<T>& memory, Where where) const {
  const Var<T> asked = transpose(queries.padded(0, where), 0, 1, where);
  const Var<T> contexts = transpose((*this)(asked, memory, where).context, 0, 1, where);
  const detail::Layout layout(*contexts.tape(), queries.batch());
  std::ranges::copy(queries.lengths(), layout.lengths().begin());
  std::ranges::copy(queries.sorted_indices(), layout.order().begin());
  return queries.with(pack_padded_sequence(contexts, queries.steps(), Ids(layout), where));
}

template class Attention<float>;
template class Attention<double>;
template class Attention<Dual<double>>;

}  // namespace unspool
