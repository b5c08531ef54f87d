// Reduction: what a loss makes of its elements, and the options of cross_entropy.
#pragma once

#include <cstdint>

namespace unspool {

enum class Reduction : std::uint8_t {
  mean,  ///< one number: the sum over the number of elements (for cross_entropy, the weight of the rows that count)
  sum,   ///< one number: the sum
  none   ///< one number an element, or, for cross_entropy, a row
};

/// cross_entropy(logits, targets, {.label_smoothing = 0.1})
struct CrossEntropyOptions {
  Reduction reduction = Reduction::mean;
  std::int64_t ignore_index = -100;  ///< rows with this target contribute neither loss nor gradient
  double label_smoothing = 0;        ///< share of the target that is spread evenly over the classes, 0..1
};

/// ctc_loss(logits, targets, input_lengths, target_lengths, {.blank = 28})
struct CtcOptions {
  Reduction reduction = Reduction::mean;  ///< the mean divides each row's loss by its number of labels first
  std::int64_t blank = 0;                 ///< the class that stands for no label
  bool zero_infinity = false;             ///< rows whose labels do not fit cost 0 instead of +inf
};

}  // namespace unspool
