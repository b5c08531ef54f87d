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

template class Embedding<float>;
template class Embedding<double>;

}  // namespace unspool
