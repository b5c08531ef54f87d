#include "generate/ctc_rows.hpp"

namespace unspool::detail {

template <Scalar T>
std::vector<CtcPath> ctc_greedy(const Shape& shape, std::span<const T> logits, const Ids& lengths, std::int64_t blank) {
  const CtcRows<T> all(shape, logits, lengths, blank, "ctc_greedy_decode");
  std::vector<CtcPath> paths(static_cast<std::size_t>(all.rows));
  std::vector<double> log_probs(static_cast<std::size_t>(all.classes));
  for (std::int64_t b = 0; b < all.rows; ++b) {
    CtcPath& path = paths[static_cast<std::size_t>(b)];
    std::int64_t before = blank;
    for (std::int64_t t = 0; t < lengths[b]; ++t) {
      const std::int64_t best = largest_of(all.at(t, b), all.op).at;
      log_softmax_of(all.at(t, b), log_probs.data(), all.op);
      path.log_prob += log_probs[static_cast<std::size_t>(best)];
      if (best != blank && best != before) path.labels.push_back(best);
      before = best;
    }
  }
  return paths;
}

template UNSPOOL_API std::vector<CtcPath> ctc_greedy(const Shape&, std::span<const float>, const Ids&, std::int64_t);
template UNSPOOL_API std::vector<CtcPath> ctc_greedy(const Shape&, std::span<const double>, const Ids&, std::int64_t);

}  // namespace unspool::detail
