// op:    Var dropout(const Var& x, double p)
// shape: y as x
// math:  y = x * m / (1 - p), m = 0 with probability p, else 1, for each element;  dx = dy * m / (1 - p)
// note:  For training: record nothing when evaluating. Each call draws another mask; the tape's seed and the order
//        of the calls decide them.
#include <algorithm>

#include "base/philox_lanes.hpp"
#include "ops/op.hpp"
#include "tape/tape_core.hpp"

namespace unspool {
namespace {

using Lanes = detail::PhiloxLanes;

// An element is kept where its 32 random bits reach p * 2^32. Nothing is stored: an element's bits are addressed by
// (tape seed, number of the draw, position), and backward draws them again.
struct Mask {
  std::uint64_t seed, draw, threshold;
  double p;

  explicit Mask(const detail::ArgsBase& a)
      : seed(static_cast<std::uint64_t>(a.integer(1))),
        draw(static_cast<std::uint64_t>(a.integer(2))),
        threshold(static_cast<std::uint64_t>(std::llround(a.real(0) * 0x1p32))),
        p(a.real(0)) {}

  /// Calls write(i, the kept and scaled from[i] or 0) for every element. A NaN that is dropped has no influence.
  template <class T, class Write>
  void apply(std::int64_t n, const T* from, Write write) const {
    const T scale = p < 1 ? static_cast<T>(1 / (1 - p)) : T{0};
    for (std::int64_t start = 0; start < n; start += Lanes::words) {
      const Lanes bits(seed, draw, static_cast<std::uint64_t>(start / Lanes::words * Lanes::lanes));
      const std::int64_t count = std::min<std::int64_t>(Lanes::words, n - start);
      for (std::int64_t i = 0; i < count; ++i)
        write(start + i, bits.word[i] >= threshold ? from[start + i] * scale : T{0});
    }
  }
};

struct Dropout {
  static Shape infer(const InferArgs& a) {
    const double p = a.real(0);
    reject_unless(a, p >= 0 && p <= 1, ErrorCode::bad_argument, "p must be in 0..1; given {}", p);
    return a.shape(0);
  }
  template <class T>
  static void forward(const ForwardArgs<T>& a) {
    T* y = a.y().data;
    Mask(a).apply(a.y().size, a.x(0).data, [y](std::int64_t i, T v) { y[i] = v; });
  }
  template <class T>
  static void backward(const BackwardArgs<T>& a) {
    bool first;
    T* dx = a.dx(0).touch(first);
    if (dx == nullptr) return;
    const auto dy = a.dy();
    if (first)
      Mask(a).apply(dy.size, dy.data, [dx](std::int64_t i, T v) { dx[i] = v; });
    else
      Mask(a).apply(dy.size, dy.data, [dx](std::int64_t i, T v) { dx[i] += v; });
  }
};

}  // namespace

constinit const OpRule dropout_rule =
    make_rule<Dropout>({.name = "dropout",
                        .arity = 1,
                        .reads = Reads::neither,
                        .attrs = "p:real, seed:int, draw:int",
                        .samples = "[3,4] p=0.5 seed=7 draw=0; [5,30] p=0.2 seed=7 draw=3; [3,4] p=0 seed=1 draw=0;"
                                   "[3,4] p=1 seed=1 draw=0; [2,0,3] p=0.5 seed=1 draw=0; [1] p=0.5 seed=1 draw=2;"
                                   "[] p=0.25 seed=1 draw=1"});

Handle detail::dropout(const Handle& x, double p, Where where) {
  // Without a mask to draw (also where infer will reject p) the numbering of later draws stays as it is.
  TapeCore* tape = x.tape();
  const bool draws = tape != nullptr && p > 0 && p < 1;
  const std::uint64_t seed = draws ? tape->options().seed : 0, draw = draws ? tape->next_draw() : 0;
  return record(dropout_rule, {x}, Attrs(p, seed, draw), where);
}

}  // namespace unspool
