// CRF: a linear-chain conditional random field over tags, on top of scores that any network gives each tag and step.
//
//   us::CRF crf(params, "crf", {.tags = K});
//   us::Var loss = crf(emissions, tags, lengths);                  // emissions [T,B,K]
//   std::vector<us::TagPath> best = crf.decode(emissions, lengths);
#pragma once

#include <string>
#include <vector>

#include "unspool/ids.hpp"
#include "unspool/parameter.hpp"
#include "unspool/reduction.hpp"
#include "unspool/sequence.hpp"

namespace unspool {

struct CRFOptions {
  std::int64_t tags = 0;           ///< K
  Init init = uniform(-0.1, 0.1);  ///< of all three parameters
};

/// One row's tags, as many as it has steps, and their score: the sum of emissions and transitions along them.
struct TagPath {
  std::vector<std::int64_t> tags;
  double score = 0;
};

/// Scores of tag after tag: Lafferty, McCallum and Pereira, ICML 2001. Parameters "name.transitions" [K,K] (from row to
/// column), "name.start_transitions" and "name.end_transitions" [K]; a transition set to -inf is never taken.
template <Scalar T = float>
class CRF {
 public:
  /// Throws bad_argument unless tags is above 0, duplicate_name.
  CRF(ParameterSet<T>& params, std::string name, const CRFOptions& options);

  /// The negative log-likelihood of the tags, T * B numbers, time first; see crf_loss(). Throws shape_mismatch,
  /// bad_argument for a length, index_out_of_range for a tag.
  Var<T> operator()(const Var<T>& emissions, const Ids& tags, const Ids& lengths, Reduction reduction = Reduction::mean,
                    Where where = Where::current()) const;
  /// The same for emissions of any lengths; tags [T,B], whatever the padding holds.
  Var<T> operator()(const Sequence<T>& emissions, const Ids& tags, Reduction reduction = Reduction::mean,
                    Where where = Where::current()) const {
    return (*this)(emissions.padded(0, where), tags, Ids(emissions.lengths()), reduction, where);
  }

  /// Each row's tags of the highest score, by Viterbi's algorithm (IEEE Transactions on Information Theory 13(2),
  /// 1967), in double; of equal scores the one whose last differing tag is lowest. A row without steps, or whose every
  /// path is forbidden, has no tags (score 0, or -inf). Throws shape_mismatch, bad_argument for a length, nonfinite for
  /// NaN.
  std::vector<TagPath> decode(const Var<T>& emissions, const Ids& lengths) const {
    return decode(emissions.shape(), emissions.values(), lengths);
  }
  std::vector<TagPath> decode(const Tensor<T>& emissions, const Ids& lengths) const {
    return decode(emissions.shape(), emissions.values(), lengths);
  }
  std::vector<TagPath> decode(const Sequence<T>& emissions) const {
    return decode(emissions.padded(), Ids(emissions.lengths()));
  }

  std::int64_t tags() const noexcept { return tags_; }

 private:
  std::vector<TagPath> decode(const Shape& shape, std::span<const T> emissions, const Ids& lengths) const;

  std::string name_;
  std::int64_t tags_;
  Parameter<T>* transitions_;
  Parameter<T>* start_;
  Parameter<T>* end_;
};

extern template class UNSPOOL_API CRF<float>;
extern template class UNSPOOL_API CRF<double>;
extern template class UNSPOOL_API CRF<Dual<double>>;

}  // namespace unspool
