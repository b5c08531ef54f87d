// Tape: records tensor operations as they are computed and walks them back.
//
// A tape is used by one thread at a time; any number of tapes may live, and read the same parameters, at once.
#pragma once

#include <string_view>

#include "unspool/var.hpp"

namespace unspool {

/// What a tape watches for after every op, forward and backward. Costs one pass over each value.
enum class Watch : std::uint8_t {
  off,     ///< nothing
  record,  ///< remember the first NaN or infinity; see Tape::first_nonfinite()
  raise    ///< throw nonfinite there and then
};

struct TapeOptions {
  std::uint64_t seed = 0;  ///< of dropout masks
  Watch watch = Watch::off;
  bool defer_products = true;               ///< queue parameter gradients and flush them as one product
  std::int64_t deferred_bytes = 8ll << 20;  ///< flush early above this many bytes of rows for one parameter
  bool keep_gradient_norms = false;         ///< remember every node's gradient norm, for graphs and reports
  bool step_ledger = false;                 ///< split parameters' gradients by step; see unspool/ledger.hpp
};

/// Counts since the last reset, and the tape's memory in bytes by kind. Parameters and their gradients are not the
/// tape's.
struct TapeStats {
  std::int64_t nodes = 0;
  std::int64_t value_bytes = 0;          ///< values and what rules keep beside them, in use
  std::int64_t node_bytes = 0;           ///< nodes, 64 bytes each
  std::int64_t gradient_bytes_peak = 0;  ///< inner gradients alive at once in the last backward
  std::int64_t packed_bytes = 0;         ///< parameters packed for the matrix product
  std::int64_t peak_bytes = 0;           ///< the sum of the above
  std::int64_t reserved_bytes = 0;       ///< held for values, gradients and packed parameters, used or not
  std::int64_t backward_visits = 0;      ///< nodes the last backward() looked at
  std::int64_t deferred_flushes = 0;     ///< products (or column sums, row sums) made by the last backward()
  std::int64_t deferred_entries = 0;     ///< steps' contributions that went into them
};

/// A position to rewind to, on the tape it was taken from.
struct Mark {
  const detail::TapeCore* tape = nullptr;
  std::uint32_t nodes = 0;
  std::uint32_t generation = 0;
  std::uint32_t contexts = 0;
  std::uint32_t chunk = 0;
  std::uint64_t offset = 0;
  std::uint64_t seed = 0;
  std::uint64_t draws = 0;
};

/// Restores the tape's previous step or scope when it goes out of scope.
class UNSPOOL_API LabelGuard {
 public:
  LabelGuard(detail::TapeCore* tape, std::uint32_t previous, std::uint32_t recording) noexcept
      : tape_(tape), previous_(previous), recording_(recording) {}
  LabelGuard(const LabelGuard&) = delete;
  LabelGuard& operator=(const LabelGuard&) = delete;
  ~LabelGuard();

 private:
  detail::TapeCore* tape_;
  std::uint32_t previous_;
  std::uint32_t recording_;
};

namespace detail {

// The tape's functions, once for all scalar types. Tape<T> below is a typed name for them.
UNSPOOL_API TapeCore* make_tape(ScalarType type, const TapeOptions& options);
UNSPOOL_API void drop_tape(TapeCore* tape) noexcept;
UNSPOOL_API Handle record_leaf(TapeCore& tape, const Shape& shape, const void* values, bool variable, Where where);
/// From values of another type than the tape's: a tape of duals takes real ones, as constants.
UNSPOOL_API Handle record_leaf(TapeCore& tape, const Shape& shape, ScalarType type, const void* values, bool variable,
                               Where where);
UNSPOOL_API Handle record_constant(TapeCore& tape, const Shape& shape, double value, Where where);
UNSPOOL_API Handle record_parameter(TapeCore& tape, ParameterCore& parameter, Where where);
UNSPOOL_API LabelGuard enter_step(TapeCore& tape, std::int64_t step);
UNSPOOL_API LabelGuard enter_scope(TapeCore& tape, std::string_view name);
UNSPOOL_API Mark mark(const TapeCore& tape);
UNSPOOL_API void rewind(TapeCore& tape, const Mark& mark);
UNSPOOL_API void reset(TapeCore& tape);
UNSPOOL_API void run_backward(TapeCore& tape, const Handle& loss, const void* seed, std::int64_t seed_size,
                              Where where);
UNSPOOL_API void keep_gradient(TapeCore& tape, const Handle& x);
UNSPOOL_API TapeStats stats(const TapeCore& tape);
UNSPOOL_API void reseed(TapeCore& tape, std::uint64_t seed);
UNSPOOL_API void set_watch(TapeCore& tape, Watch watch);
UNSPOOL_API std::string first_nonfinite(const TapeCore& tape);

/// Specialised by unspool/xtensor.hpp: how another library's array or expression is read. pass<T>(e, f) returns
/// f(Shape, std::span<const T>), called with the values in row-major order, which live until then.
template <class E>
struct InputBridge;

template <class E>
concept Bridged = requires {
  sizeof(InputBridge<E>);
};

}  // namespace detail

/// A flat recording of tensor operations. Values live in a bump arena that reset() keeps, so a training loop that
/// resets one tape allocates nothing once it is warm.
template <Scalar T = float>
class Tape {
 public:
  explicit Tape(const TapeOptions& options = {}) : core_(detail::make_tape(scalar_type<T>, options)) {}
  ~Tape() { detail::drop_tape(core_); }
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// A value without gradient; the numbers are copied. Throws shape_mismatch when their number is not shape.size().
  Var<T> input(const Shape& shape, std::span<const T> values, Where where = Where::current()) {
    return leaf(shape, values, false, where);
  }
  Var<T> input(const Tensor<T>& x, Where where = Where::current()) { return leaf(x.shape(), x.values(), false, where); }
  /// Any type that a bridge header (unspool/xtensor.hpp) describes.
  template <detail::Bridged E>
  Var<T> input(const E& expression, Where where = Where::current()) {
    return bridged(expression, false, where);
  }
  /// An input whose gradient is wanted: read it with Var::grad() after backward().
  Var<T> variable(const Shape& shape, std::span<const T> values, Where where = Where::current()) {
    return leaf(shape, values, true, where);
  }
  Var<T> variable(const Tensor<T>& x, Where where = Where::current()) {
    return leaf(x.shape(), x.values(), true, where);
  }
  template <detail::Bridged E>
  Var<T> variable(const E& expression, Where where = Where::current()) {
    return bridged(expression, true, where);
  }

  // Data is real whatever the tape computes in: on a tape of duals its tangents are 0.
  Var<T> input(const Shape& shape, std::span<const float> values,
               Where where = Where::current()) requires(!RealScalar<T>) {
    return leaf(shape, values, false, where);
  }
  Var<T> input(const Shape& shape, std::span<const double> values,
               Where where = Where::current()) requires(!RealScalar<T>) {
    return leaf(shape, values, false, where);
  }
  template <RealScalar R>
  requires(!RealScalar<T>) Var<T> input(const Tensor<R>& x, Where where = Where::current()) {
    return leaf(x.shape(), x.values(), false, where);
  }

  /// A value without gradient whose numbers are all the same.
  Var<T> full(const Shape& shape, double value, Where where = Where::current()) {
    return Var<T>(detail::record_constant(*core_, shape, value, where));
  }
  Var<T> zeros(const Shape& shape, Where where = Where::current()) { return full(shape, 0, where); }
  Var<T> ones(const Shape& shape, Where where = Where::current()) { return full(shape, 1, where); }
  Var<T> scalar(double value, Where where = Where::current()) { return full(Shape{}, value, where); }
  /// The parameter's one leaf on this tape; ops make it themselves when they are given the parameter.
  Var<T> parameter(Parameter<T>& p, Where where = Where::current()) {
    return Var<T>(detail::record_parameter(*core_, *p.core(), where));
  }

  /// Nodes recorded while the guard lives carry this time step.
  [[nodiscard]] LabelGuard step(std::int64_t t) { return detail::enter_step(*core_, t); }
  /// Nodes recorded while the guard lives are in this scope; scopes nest: "encoder/lstm.0".
  [[nodiscard]] LabelGuard scope(std::string_view name) { return detail::enter_scope(*core_, name); }

  /// Walks back from a one-element loss and adds d(loss)/d(parameter) to every parameter's gradient. A recording is
  /// walked once. Throws not_scalar, no_gradient, backward_twice, parameter_changed; nothing is changed then. Throws
  /// nonfinite (watch) and out_of_memory in the middle: parameter gradients then hold a part of the sum.
  void backward(const Var<T>& loss, Where where = Where::current()) {
    detail::run_backward(*core_, loss, nullptr, 1, where);
  }
  /// Walks back from any value with the given d(loss)/d(value), of the value's size.
  void backward(const Var<T>& value, std::span<const T> seed, Where where = Where::current()) {
    detail::run_backward(*core_, value, seed.data(), static_cast<std::int64_t>(seed.size()), where);
  }
  /// Keeps an inner value's gradient for Var::grad() instead of returning its memory to the pool. To be called before
  /// backward(). Throws no_gradient for a value that was walked already.
  void keep_grad(const Var<T>& x) { detail::keep_gradient(*core_, x); }

  /// Forgets every node in O(1) and keeps the memory. Handles become stale.
  void reset() { detail::reset(*core_); }
  /// The position after what has been recorded so far.
  Mark mark() const { return detail::mark(*core_); }
  /// Forgets what was recorded since the mark, and goes back to its random numbers: the same ops recorded again draw
  /// the same masks. Throws stale_handle for a mark of an earlier recording, wrong_tape.
  void rewind(const Mark& mark) { detail::rewind(*core_, mark); }

  /// Counts and bytes since the last reset.
  TapeStats stats() const { return detail::stats(*core_); }
  /// The seed of the dropout masks recorded from now on; give each training step its own.
  void seed(std::uint64_t value) { detail::reseed(*core_, value); }
  /// What to watch for from now on.
  void watch(Watch watch) { detail::set_watch(*core_, watch); }
  /// Op, step, scope and source line of the first NaN or infinity that the watch saw, or an empty string.
  std::string first_nonfinite() const { return detail::first_nonfinite(*core_); }

  detail::TapeCore* core() const noexcept { return core_; }

 private:
  template <class From>
  Var<T> leaf(const Shape& shape, std::span<From> values, bool variable, Where where);
  template <class E>
  Var<T> bridged(const E& expression, bool variable, Where where) {
    using Read = std::conditional_t<RealScalar<T>, T, double>;
    return detail::InputBridge<E>::template pass<Read>(
        expression,
        [&](const Shape& shape, std::span<const Read> values) { return leaf(shape, values, variable, where); });
  }

  detail::TapeCore* core_;
};

namespace detail {
[[noreturn]] UNSPOOL_API void fail_leaf_size(const Shape& shape, std::size_t given);
}

template <Scalar T>
template <class From>
Var<T> Tape<T>::leaf(const Shape& shape, std::span<From> values, bool variable, Where where) {
  if (static_cast<std::int64_t>(values.size()) != shape.size()) detail::fail_leaf_size(shape, values.size());
  constexpr ScalarType type = scalar_type<std::remove_const_t<From>>;
  return Var<T>(detail::record_leaf(*core_, shape, type, values.data(), variable, where));
}

}  // namespace unspool
