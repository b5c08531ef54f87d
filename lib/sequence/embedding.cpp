#include "base/check.hpp"
#include "unspool/layers.hpp"
#include "unspool/ops.hpp"

namespace unspool {

template <Scalar T>
Embedding<T>::Embedding(ParameterSet<T>& params, std::string name, const EmbeddingOptions& options)
    : name_(std::move(name)) {
  detail::require(options.count > 0 && options.width > 0, ErrorCode::bad_argument, "Embedding",
                  "count and width must be above 0; given {} and {} for \"{}\"", options.count, options.width, name_);
  weight_ = &params.add(name_.empty() ? "weight" : name_ + ".weight", {options.count, options.width}, options.init);
}

template <Scalar T>
Var<T> Embedding<T>::operator()(Tape<T>& tape, const Ids& ids, Where where) const {
  return (*this)(tape, ids, Shape{ids.size()}, where);
}

template <Scalar T>
Var<T> Embedding<T>::operator()(Tape<T>& tape, const Ids& ids, const Shape& shape, Where where) const {
  const LabelGuard scope = tape.scope(name_);
  return embedding(tape.parameter(*weight_, where), ids, shape, where);
}

template <Scalar T>
Sequence<T> Embedding<T>::sequence(Tape<T>& tape, const Ids& ids, const Ids& lengths, Where where) const {
  const LabelGuard scope = tape.scope(name_);
  const std::int64_t batch = lengths.size(), steps = batch == 0 ? 0 : ids.size() / batch;
  std::int64_t total = 0;
  for (std::int64_t b = 0; b < batch; ++b) {
    detail::require(lengths[b] >= 0 && lengths[b] <= steps, ErrorCode::index_out_of_range, "Embedding",
                    "lengths must be in 0..{}; the length of row {} is {}", steps, b, lengths[b]);
    total += lengths[b];
  }
  // The order of the ids must be known before there is a value to carry it.
  const Sequence<T> order(new_zeros(tape.parameter(*weight_, where), {steps, batch}), lengths, where);
  detail::Scratch<std::int64_t> packed(*tape.core(), total);
  detail::pack_ids(order.lengths(), order.sorted_indices(), steps, ids, {packed.begin(), packed.size()});
  return order.with(embedding(tape.parameter(*weight_, where), Ids(packed), where));
}

template class Embedding<float>;
template class Embedding<double>;

}  // namespace unspool
