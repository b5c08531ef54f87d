// Theme: the colours of every view. Tints of blue, orange and green that stay apart for colour-blind eyes; no meaning
// hangs on hue alone, since shape, stroke and letters say it too.
#pragma once

#include "unspool/graph.hpp"

namespace unspool::detail {

struct Theme {
  const char *paper, *ink, *soft, *faint;         // background; letters, from strong to weak
  const char *line, *pale, *grid;                 // edges, edges without gradient, grid lines
  const char *column, *fold, *fold_line;          // a step, a fold of steps
  const char *op, *op_line, *input, *input_line;  // boxes by role
  const char *constant, *constant_line, *state, *state_line, *loss, *loss_line;
  const char *carry, *gradient;  // from step to step; what flows back
  const char* badge_text;
};

const Theme& theme_of(GraphTheme theme);

/// For what is counted by kind: distinct in hue and in lightness.
const char* kind_color(std::size_t kind);

/// A colour of a scale that is even to the eye and rises in lightness; `share` from 0 to 1. "#rrggbb"
std::string scale_color(double share);
/// Whether white letters are read better on it than black ones.
bool scale_is_dark(double share);

/// Shares on a logarithmic scale over the positive finite numbers that were added.
class LogScale {
 public:
  void add(double value);
  bool known() const { return low_ <= high_; }
  double share(double value) const;
  double low() const { return low_; }  ///< decimal logarithm
  double high() const { return high_; }

 private:
  double low_ = 1e300, high_ = -1e300;
};

}  // namespace unspool::detail
