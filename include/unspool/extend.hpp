// What an op is made of: OpRule, the arguments its functions receive, and the gradient sink. The library's own ops
// and user-defined ones are written with the same things; docs/adding-an-op.md builds one from start to finish.
#pragma once

#include <bit>
#include <concepts>

#include "unspool/error.hpp"
#include "unspool/ids.hpp"
#include "unspool/loops.hpp"
#include "unspool/tape.hpp"

namespace unspool {

namespace kernels {
class Workspace;
}

/// Which recorded values a rule's backward reads besides dy.
enum class Reads : std::uint8_t { neither = 0, inputs = 1, output = 2, both = 3 };

struct OpRule;

/// The numbers an op was called with besides its operands: 64-bit words, reals bit-cast, then at most one list.
class Attrs {
 public:
  Attrs() = default;
  template <class... Values>
  requires((std::integral<Values> || std::floating_point<Values>)&&...) explicit Attrs(Values... values)
      : words_{word(values)...}, count_(sizeof...(values)) {
    static_assert(sizeof...(values) <= capacity);
  }
  /// Appends one more word.
  void push(std::int64_t value) { words_[count_++] = value; }
  Attrs& with(Ids list) {
    list_ = list;
    return *this;
  }
  int word_count() const { return count_; }
  std::int64_t word_at(int i) const { return words_[i]; }
  const Ids& list() const { return list_; }

  static std::int64_t word(std::integral auto value) { return static_cast<std::int64_t>(value); }
  static std::int64_t word(std::floating_point auto value) {
    return std::bit_cast<std::int64_t>(static_cast<double>(value));
  }
  static constexpr int capacity = 24;

 private:
  std::int64_t words_[capacity] = {};
  int count_ = 0;
  Ids list_;
};

namespace detail {

/// One call of a rule's function: the tape, the operands and the attributes. What the *Args classes wrap.
struct Call {
  TapeCore* tape = nullptr;
  const OpRule* rule = nullptr;
  const std::uint32_t* inputs = nullptr;
  std::uint32_t arity = 0;
  std::uint32_t node = 0;
  const std::int64_t* attrs = nullptr;
  std::int64_t attr_count = 0;
  Where where;
};

struct RawView {
  void* data;
  const std::int64_t* extents;
  std::int64_t size;
  int rank;
};

struct Touched {
  void* data;  // null when the gradient is not wanted
  bool first;  // the buffer holds nothing yet: assign
};

UNSPOOL_API RawView node_view(const Call& call, std::uint32_t node);
UNSPOOL_API void* node_saved(const Call& call);
UNSPOOL_API RawView node_gradient(const Call& call);
UNSPOOL_API bool gradient_wanted(const Call& call, std::uint32_t node);
UNSPOOL_API Touched touch_gradient(const Call& call, std::uint32_t node);
UNSPOOL_API void* zeroed_gradient(const Call& call, std::uint32_t node);
UNSPOOL_API void* temporary(const Call& call, std::int64_t bytes);
UNSPOOL_API bool queue_columns(const Call& call, std::uint32_t node, const void* rows, std::int64_t row_count,
                               std::int64_t columns, std::int32_t owner);
UNSPOOL_API bool queue_rows(const Call& call, std::uint32_t node, const std::int64_t* ids, const void* rows,
                            std::int64_t row_count, std::int64_t columns, std::int32_t owner);
UNSPOOL_API void add_product(const Call& call, std::uint32_t node, bool ta, bool tb, std::int64_t m, std::int64_t n,
                             std::int64_t k, const void* a, std::int32_t a_owner, const void* b, std::int32_t b_owner);
[[noreturn]] UNSPOOL_API void fail_call(const Call& call, ErrorCode code, std::string_view what);

/// The tape's packing scratch for matrix products.
UNSPOOL_API kernels::Workspace& workspace_of(const Call& call);

class ArgsBase {
 public:
  explicit ArgsBase(const Call& call) : call_(call) {}

  int arity() const { return static_cast<int>(call_.arity); }
  std::int64_t integer(int k) const { return call_.attrs[k]; }
  bool flag(int k) const { return call_.attrs[k] != 0; }
  double real(int k) const { return std::bit_cast<double>(call_.attrs[k]); }
  /// The list attribute, which begins after the first k words.
  std::span<const std::int64_t> list(int k) const {
    return {call_.attrs + k, static_cast<std::size_t>(call_.attr_count - k)};
  }
  const Call& call() const { return call_; }
  kernels::Workspace& workspace() const { return workspace_of(call_); }

 protected:
  const Call& call_;
};

}  // namespace detail

/// What infer receives: operand shapes and attributes, before anything is allocated.
class InferArgs : public detail::ArgsBase {
 public:
  using ArgsBase::ArgsBase;
  Shape shape(int i) const {
    const detail::RawView v = detail::node_view(call_, call_.inputs[i]);
    return Shape::trusted(v.extents, v.rank);
  }
  ScalarType scalar() const;
  /// Rejects the call; the message gains op, operand shapes, step, scope and source line.
  [[noreturn]] void fail(ErrorCode code, std::string_view what) const { detail::fail_call(call_, code, what); }
};

/// What forward receives. y holds unspecified values and must be written completely.
template <class T>
class ForwardArgs : public detail::ArgsBase {
 public:
  using ArgsBase::ArgsBase;
  View<const T> x(int i) const {
    const detail::RawView v = detail::node_view(call_, call_.inputs[i]);
    return {static_cast<const T*>(v.data), v.extents, v.size, v.rank, owner_value};
  }
  View<T> y() const {
    const detail::RawView v = detail::node_view(call_, call_.node);
    return {static_cast<T*>(v.data), v.extents, v.size, v.rank, owner_value};
  }
  /// What the rule keeps beside its output for backward: as many values as its saved() said.
  T* saved() const { return static_cast<T*>(detail::node_saved(call_)); }
  /// Scratch that lives until forward returns.
  T* temporary(std::int64_t count) const {
    return static_cast<T*>(detail::temporary(call_, count * static_cast<std::int64_t>(sizeof(T))));
  }
};

/// Where a rule's gradient goes. Only adding is possible. The sink knows whether it is the first contribution (it
/// then assigns, so nothing is zero-filled), whether the gradient is wanted at all, and whether the target is a
/// parameter, whose products are queued and flushed as one.
template <class T>
class Sink {
 public:
  Sink(const detail::Call& call, std::uint32_t target) : call_(call), target_(target) {}

  bool wanted() const { return detail::gradient_wanted(call_, target_); }

  /// dx += v, summed over the axes along which x was broadcast to v's shape.
  void add(View<const T> v) const {
    const detail::RawView x = detail::node_view(call_, target_);
    if (x.size != v.size && is_suffix(x, v)) return add_columns(v);
    add_map(v, [](T g) { return g; });
  }
  /// dx += f(v), elementwise, summed like add().
  template <class F>
  void add_map(View<const T> v, F f) const {
    const detail::RawView x = detail::node_view(call_, target_);
    if (x.size == v.size) {
      const detail::Touched t = detail::touch_gradient(call_, target_);
      T* dx = static_cast<T*>(t.data);
      if (dx == nullptr) return;
      if (t.first)
        for (std::int64_t i = 0; i < v.size; ++i) dx[i] = f(v.data[i]);
      else
        for (std::int64_t i = 0; i < v.size; ++i) dx[i] += f(v.data[i]);
      return;
    }
    if (!wanted()) return;
    reduce<1>({v}, v.dims(), x, [&](const std::int64_t* at, const std::int64_t* step, std::int64_t i) {
      return f(v.data[at[0] + i * step[0]]);
    });
  }
  /// dx += f(u, v) where u has the full (broadcast) shape and v broadcasts to it.
  template <class F>
  void add_map(View<const T> u, View<const T> v, F f) const {
    const detail::RawView x = detail::node_view(call_, target_);
    if (x.size == u.size && v.size == u.size) {
      const detail::Touched t = detail::touch_gradient(call_, target_);
      T* dx = static_cast<T*>(t.data);
      if (dx == nullptr) return;
      if (t.first)
        for (std::int64_t i = 0; i < u.size; ++i) dx[i] = f(u.data[i], v.data[i]);
      else
        for (std::int64_t i = 0; i < u.size; ++i) dx[i] += f(u.data[i], v.data[i]);
      return;
    }
    if (!wanted()) return;
    reduce<2>({u, v}, u.dims(), x, [&](const std::int64_t* at, const std::int64_t* step, std::int64_t i) {
      return f(u.data[at[0] + i * step[0]], v.data[at[1] + i * step[1]]);
    });
  }
  /// dx += f(u, v, w) where u has the full (broadcast) shape and v, w broadcast to it.
  template <class F>
  void add_map(View<const T> u, View<const T> v, View<const T> w, F f) const {
    if (!wanted()) return;
    const detail::RawView x = detail::node_view(call_, target_);
    reduce<3>({u, v, w}, u.dims(), x, [&](const std::int64_t* at, const std::int64_t* step, std::int64_t i) {
      return f(u.data[at[0] + i * step[0]], v.data[at[1] + i * step[1]], w.data[at[2] + i * step[2]]);
    });
  }
  /// db += the column sums of v seen as rows of db's length (a bias). Queued when the target is a parameter.
  void add_columns(View<const T> v) const {
    const detail::RawView x = detail::node_view(call_, target_);
    if (x.size == 0 || !wanted()) return;
    if (!detail::queue_columns(call_, target_, v.data, v.size / x.size, x.size, v.owner)) add_columns_now(v, x);
  }
  /// dx[m,n] += op(a) op(b), row-major, op = transpose where the flag says so; k is the contracted extent. Queued when
  /// the target is a parameter and the product is aᵀ b, the sum over rows that BPTT makes.
  void add_product(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, View<const T> a,
                   View<const T> b) const {
    if (wanted()) detail::add_product(call_, target_, ta, tb, m, n, k, a.data, a.owner, b.data, b.owner);
  }
  /// dx[ids[r]] += rows[r] for a table x of rows (an embedding). Queued when the target is a parameter.
  void add_rows(std::span<const std::int64_t> ids, View<const T> rows) const {
    const std::int64_t count = static_cast<std::int64_t>(ids.size());
    if (count == 0 || !wanted()) return;
    const std::int64_t columns = rows.size / count;
    if (detail::queue_rows(call_, target_, ids.data(), rows.data, count, columns, rows.owner)) return;
    T* dx = accumulator().data;
    for (std::int64_t r = 0; r < count; ++r)
      for (std::int64_t c = 0; c < columns; ++c) dx[ids[r] * columns + c] += rows.data[r * columns + c];
  }
  /// For rules whose loop fits none of the above: x's gradient, zero where nothing was added yet. Add, never assign.
  /// data is null when the gradient is not wanted.
  View<T> accumulator() const {
    const detail::RawView x = detail::node_view(call_, target_);
    return {static_cast<T*>(detail::zeroed_gradient(call_, target_)), x.extents, x.size, x.rank, owner_partial};
  }
  /// For kernels that can both assign and add: the buffer, and in `first` whether to assign. Null when not wanted.
  T* touch(bool& first) const {
    const detail::Touched t = detail::touch_gradient(call_, target_);
    first = t.first;
    return static_cast<T*>(t.data);
  }

 private:
  // Sums f over the broadcast axes of the target, each run in row-major order and in at least double precision.
  template <int N, class F>
  void reduce(const View<const T> (&views)[N], std::span<const std::int64_t> extents, const detail::RawView& x,
              F f) const {
    T* dx = static_cast<T*>(detail::zeroed_gradient(call_, target_));
    std::span<const std::int64_t> dims[N + 1];
    for (int k = 0; k < N; ++k) dims[k] = views[k].dims();
    dims[N] = {x.extents, static_cast<std::size_t>(x.rank)};
    detail::for_each_run(detail::BroadcastPlan<N + 1>(extents, dims),
                         [&](const std::int64_t* at, std::int64_t n, const std::int64_t* step) {
                           T* out = dx + at[N];
                           if (step[N] == 0) {
                             double sum = 0;
                             for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(f(at, step, i));
                             *out += static_cast<T>(sum);
                           } else {
                             for (std::int64_t i = 0; i < n; ++i) out[i * step[N]] += f(at, step, i);
                           }
                         });
  }
  static bool is_suffix(const detail::RawView& x, const View<const T>& v) {
    if (x.rank > v.rank) return false;
    for (int i = 1; i <= x.rank; ++i)
      if (x.extents[x.rank - i] != v.extents[v.rank - i]) return false;
    return true;
  }
  void add_columns_now(View<const T> v, const detail::RawView& x) const {
    T* db = accumulator().data;
    for (std::int64_t r = 0; r < v.size / x.size; ++r)
      for (std::int64_t c = 0; c < x.size; ++c) db[c] += v.data[r * x.size + c];
  }

  const detail::Call& call_;
  std::uint32_t target_;
};

/// What backward receives: dy, the values it declared to read, and one sink an operand.
template <class T>
class BackwardArgs : public detail::ArgsBase {
 public:
  using ArgsBase::ArgsBase;
  View<const T> x(int i) const { return ForwardArgs<T>(call_).x(i); }
  View<const T> y() const { return ForwardArgs<T>(call_).y(); }
  const T* saved() const { return static_cast<const T*>(detail::node_saved(call_)); }
  View<const T> dy() const {
    const detail::RawView v = detail::node_gradient(call_);
    return {static_cast<const T*>(v.data), v.extents, v.size, v.rank, static_cast<std::int32_t>(call_.node)};
  }
  Sink<T> dx(int i) const { return Sink<T>(call_, call_.inputs[i]); }
  /// Guards costly work: false when nothing upstream of operand i wants a gradient.
  bool needs(int i) const { return detail::gradient_wanted(call_, call_.inputs[i]); }
  /// Scratch that lives until backward returns.
  T* temporary(std::int64_t count) const {
    return static_cast<T*>(detail::temporary(call_, count * static_cast<std::int64_t>(sizeof(T))));
  }
};

/// What the author of an op says about it besides its functions.
struct OpInfo {
  const char* name;
  int arity = 1;  ///< number of operands; -1 for any number of at least one
  Reads reads = Reads::both;
  const char* attrs = "";    ///< names and kinds in call order: "axis:int, keepdims:bool, slope:real, ids:list"
  const char* samples = "";  ///< inputs the generic tests use: "x:[3,4] in -2..2; x:[1] in 4..6"
};

/// A stateless description of one op. Make one with make_rule<Op>() and keep it in static storage.
struct OpRule {
  using Function = void (*)(const detail::Call&);
  OpInfo info;
  Shape (*infer)(const InferArgs&) = nullptr;
  std::int64_t (*saved)(const InferArgs&, const Shape&) = nullptr;  ///< values kept beside y; may be null
  /// y is operand 0 from this element on, nothing is computed; negative: not with these operands, run forward.
  std::int64_t (*view)(const InferArgs&) = nullptr;
  std::int64_t (*flops)(const InferArgs&, const Shape&) = nullptr;  ///< of forward; null: one an element
  Function forward[scalar_type_count] = {};
  Function backward[scalar_type_count] = {};
};

namespace detail {

template <class Op, class T>
constexpr OpRule::Function forward_of() {
  if constexpr (requires(const ForwardArgs<T>& a) { Op::forward(a); })
    return [](const Call& call) { Op::forward(ForwardArgs<T>(call)); };
  return nullptr;
}
template <class Op, class T>
constexpr OpRule::Function backward_of() {
  if constexpr (requires(const BackwardArgs<T>& a) { Op::backward(a); })
    return [](const Call& call) { Op::backward(BackwardArgs<T>(call)); };
  return nullptr;
}

UNSPOOL_API Handle record(const OpRule& rule, std::span<const Handle> inputs, const Attrs& attrs, Where where);
inline Handle record(const OpRule& rule, std::initializer_list<Handle> inputs, const Attrs& attrs, Where where) {
  return record(rule, std::span<const Handle>(inputs.begin(), inputs.size()), attrs, where);
}
inline Handle record(const OpRule& rule, std::initializer_list<Handle> inputs, Where where) {
  return record(rule, inputs, Attrs(), where);
}

}  // namespace detail

/// Op is a struct with static functions: infer(InferArgs) and forward(ForwardArgs<T>), and, where the op has a
/// derivative, backward(BackwardArgs<T>); optionally saved, view and flops. Templates serve every scalar type.
template <class Op>
constexpr OpRule make_rule(OpInfo info) {
  OpRule rule;
  rule.info = info;
  rule.infer = &Op::infer;
  if constexpr (requires { &Op::saved; }) rule.saved = &Op::saved;
  if constexpr (requires { &Op::view; }) rule.view = &Op::view;
  if constexpr (requires { &Op::flops; }) rule.flops = &Op::flops;
  rule.forward[0] = detail::forward_of<Op, float>();
  rule.forward[1] = detail::forward_of<Op, double>();
  rule.backward[0] = detail::backward_of<Op, float>();
  rule.backward[1] = detail::backward_of<Op, double>();
  return rule;
}

/// Records a user-defined op: record<float>(my_rule, {x, w}, Attrs(axis)). At least one operand must be a Var. Throws
/// what the rule's infer throws, wrong_tape, stale_handle, out_of_memory; the tape is then as it was.
template <Scalar T>
Var<T> record(const OpRule& rule, std::initializer_list<Operand<T>> operands, const Attrs& attrs = {},
              Where where = Where::current()) {
  static_assert(sizeof(Operand<T>) == sizeof(detail::Handle));  // a list of operands is a list of handles
  const detail::Handle* inputs = operands.begin();
  return Var<T>(detail::record(rule, std::span<const detail::Handle>(inputs, operands.size()), attrs, where));
}

}  // namespace unspool
