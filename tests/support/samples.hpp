// The sample inputs that a rule lists for the generic tests.
//
//   samples  = sample { ";" sample }
//   sample   = operand { operand } { name "=" value }
//   operand  = "[" extents "]" [ "!" ] [ "in" low ".." high ]
//
// "!" marks an operand that takes no gradient; values are uniform in low..high, by default -2..2. Each attribute that
// the rule declares is given once, a list as name=[1,0,2].
#pragma once

#include <string>
#include <vector>

#include "unspool/extend.hpp"

namespace unspool::test {

struct SampleOperand {
  Shape shape;
  double low = -2;
  double high = 2;
  bool gradient = true;
};

struct Sample {
  std::string text;
  std::vector<SampleOperand> operands;
  std::vector<std::int64_t> words;  // attributes but the list, as Attrs keeps them
  std::vector<std::int64_t> list;
  bool has_list = false;

  /// Refers to this sample's list.
  Attrs attrs() const;
};

/// Throws std::invalid_argument, naming the sample, for one that breaks the grammar or lacks an attribute.
std::vector<Sample> parse_samples(const OpInfo& info);

}  // namespace unspool::test
