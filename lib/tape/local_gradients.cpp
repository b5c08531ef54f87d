#include "tape/local_gradients.hpp"

namespace unspool::detail {

void begin_local(TapeCore& tape, const TapeOptions& options) {
  tape.reset();
  tape.set_options(options);
  tape.keep_gradients_local();
}

}  // namespace unspool::detail
