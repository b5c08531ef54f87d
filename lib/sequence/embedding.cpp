#include "base/check.hpp"
#include "sequence/layout.hpp"
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
  const detail::Layout layout(*tape.core(), lengths);
  const std::int64_t batch = layout.batch(), steps = batch == 0 ? 0 : ids.size() / batch;
  std::int64_t total = 0;
  for (std::int64_t b = 0; b < batch; ++b) {
    detail::require(layout[b] >= 0 && layout[b] <= steps, ErrorCode::bad_argument, "Embedding",
                    "lengths must be in 0..{}; the length of row {} is {}", steps, b, layout[b]);
    total += layout[b];
  }
  detail::Scratch<std::int64_t> packed(*tape.core(), total);
  detail::pack_ids(layout.lengths(), layout.order(), steps, ids, {packed.begin(), packed.size()});
  const Var<T> rows = embedding(tape.parameter(*weight_, where), Ids(packed), where);
  return Sequence<T>::from_lengths(rows, steps, lengths, where);
}

template class Embedding<float>;
template class Embedding<double>;
template class Embedding<Dual<double>>;

}  // namespace unspool
