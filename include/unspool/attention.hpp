// Attention: what a decoder looks at in an encoder's outputs, step by step, whatever their lengths.
//
//   us::Attention attend(params, "attention", {.query = H, .memory = 2 * H});
//   const us::AttentionMemory<> memory = attend.memory(encoded);    // encoded is a Sequence of B rows [2H]
//   const auto [context, weights] = attend(h, memory);              // h [B,H] -> [B,2H], [B,S]
//
// A memory is a state (state.hpp): what unroll hands to a cell with the right rows, and beam search reorders.
#pragma once

#include "unspool/layers.hpp"

namespace unspool {

/// How well a query q fits what is remembered at a step, m.
enum class AttentionScore : std::uint8_t {
  dot,      ///< q^T m (Luong, Pham and Manning, EMNLP 2015, section 3.1); both of one width
  general,  ///< q^T W m (the same)
  additive  ///< v^T tanh(W q + U m) (Bahdanau, Cho and Bengio, ICLR 2015, appendix A.1.2)
};

struct AttentionOptions {
  std::int64_t query = 0;   ///< width of what looks: a decoder's h
  std::int64_t memory = 0;  ///< width of what is looked at: an encoder's outputs
  AttentionScore score = AttentionScore::general;
  std::int64_t hidden = 0;  ///< width of W q + U m in the additive score; 0: the query's
};

/// An encoder's outputs, the batch first, as attention reads them again and again.
template <Scalar T = float>
struct AttentionMemory {
  Var<T> values;  ///< [B,S,memory], zeros in the padding
  Var<T> keys;    ///< [B,S,...]: the part of the score that does not depend on the query
  Var<T> mask;    ///< [B,S]: 1 where a row has the step, else 0
};

/// What one query of each row finds in a memory of S steps.
template <Scalar T = float>
struct Attended {
  Var<T> context;  ///< [B,memory]: the values' mean by the weights
  Var<T> weights;  ///< [B,S]: one for each step of the memory, summing to 1; 0 in the padding
};

/// Weights are the softmax of the scores over the steps that a row has. A row without steps has weights and context 0.
/// Parameters: general "name.weight" [query,memory]; additive "name.query_weight" [hidden,query], "name.memory_weight"
/// [hidden,memory] and "name.score_weight" [1,hidden]; dot none. All start uniform in ±1/sqrt(columns).
template <Scalar T = float>
class Attention {
 public:
  /// Throws bad_argument unless the widths are above 0 and, for dot, equal; duplicate_name.
  Attention(ParameterSet<T>& params, std::string name, const AttentionOptions& options);

  /// Of xs of rows [memory], any lengths. Throws shape_mismatch.
  AttentionMemory<T> memory(const Sequence<T>& xs, Where where = Where::current()) const;

  /// query [B,Q] -> context [B,memory], weights [B,S]; or several queries of each row, [B,N,Q] -> [B,N,memory],
  /// [B,N,S]. Throws shape_mismatch.
  Attended<T> operator()(const Var<T>& query, const AttentionMemory<T>& memory, Where where = Where::current()) const;
  /// One query at each step of the rows that the memory is of: their contexts, for decoders that run whole sequences.
  Sequence<T> operator()(const Sequence<T>& queries, const AttentionMemory<T>& memory,
                         Where where = Where::current()) const;

  const AttentionOptions& options() const noexcept { return options_; }

 private:
  Var<T> scores(const Var<T>& queries, const AttentionMemory<T>& memory, Where where) const;

  std::string name_;
  AttentionOptions options_;
  Parameter<T>* weight_ = nullptr;         // general
  Parameter<T>* query_weight_ = nullptr;   // additive
  Parameter<T>* memory_weight_ = nullptr;  // additive
  Parameter<T>* score_weight_ = nullptr;   // additive
};

extern template class UNSPOOL_API Attention<float>;
extern template class UNSPOOL_API Attention<double>;
extern template class UNSPOOL_API Attention<Dual<double>>;

}  // namespace unspool
