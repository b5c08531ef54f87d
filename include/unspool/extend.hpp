// What an op is made of: OpRule, the arguments its functions receive, and the gradient sink. The library's own ops
// and user-defined ones are written with the same things; docs/adding-an-op.md builds one from start to finish.
#pragma once

#include <bit>
#include <concepts>

#include "unspool/error.hpp"
#include "unspool/ids.hpp"
#include "unspool/loops.hpp"
#include "unspool/node.hpp"
#include "unspool/sink.hpp"

namespace unspool {

/// Which recorded values a rule's backward reads besides dy.
enum class Reads : std::uint8_t { neither = 0, inputs = 1, output = 2, both = 3 };

/// The numbers an op was called with besides its operands: 64-bit words, reals bit-cast, then at most one list.
class Attrs {
 public:
  Attrs() noexcept {}  // not defaulted: that would clear all words
  template <class... Values>
  requires((std::integral<Values> || std::floating_point<Values>)&&...) explicit Attrs(Values... values)
      : count_(sizeof...(values)) {
    static_assert(sizeof...(values) <= capacity);
    [[maybe_unused]] std::int64_t* next = words_;
    ((*next++ = word(values)), ...);
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
  std::int64_t words_[capacity];  // the first count_ are set: every op makes one of these
  int count_ = 0;
  Ids list_;
};

namespace detail {

UNSPOOL_API void* temporary(const Call& call, std::int64_t bytes);
[[noreturn]] UNSPOOL_API void fail_call(const Call& call, ErrorCode code, std::string_view what);

/// The tape's packing scratch for matrix products.
UNSPOOL_API kernels::Workspace& workspace_of(const Call& call);

class ArgsBase {
 public:
  explicit ArgsBase(const Call& call) : call_(call) {}

  int arity() const { return static_cast<int>(call_.node->arity); }
  std::int64_t integer(int k) const { return call_.node->attrs()[k]; }
  bool flag(int k) const { return integer(k) != 0; }
  double real(int k) const { return std::bit_cast<double>(integer(k)); }
  /// The list attribute, which begins after the first k words.
  std::span<const std::int64_t> list(int k) const {
    return {call_.node->attrs() + k, static_cast<std::size_t>(call_.node->attr_count() - k)};
  }
  const Call& call() const { return call_; }
  /// The node of operand i, a View's owner.
  std::uint32_t input(int i) const { return call_.node->inputs()[i]; }
  kernels::Workspace& workspace() const { return workspace_of(call_); }

 protected:
  const Node& operand(int i) const { return call_.nodes[call_.node->inputs()[i]]; }
  template <class T>
  static View<T> view_of(const Node& node) {
    return {static_cast<T*>(node.value), node.extents, node.size(), node.rank, owner_value};
  }

  const Call& call_;
};

}  // namespace detail

/// What infer receives: operand shapes and attributes, before anything is allocated.
class InferArgs : public detail::ArgsBase {
 public:
  using ArgsBase::ArgsBase;
  Shape shape(int i) const { return operand(i).shape(); }
  ScalarType scalar() const;
  /// Rejects the call; the message gains op, operand shapes, step, scope and source line.
  [[noreturn]] void fail(ErrorCode code, std::string_view what) const { detail::fail_call(call_, code, what); }
};

/// What forward receives. y holds unspecified values and must be written completely.
template <class T>
class ForwardArgs : public detail::ArgsBase {
 public:
  using ArgsBase::ArgsBase;
  View<const T> x(int i) const { return view_of<const T>(operand(i)); }
  View<T> y() const { return view_of<T>(*call_.node); }
  /// What the rule keeps beside its output for backward: as many values as its saved() said.
  T* saved() const { return static_cast<T*>(call_.node->saved(sizeof(T))); }
  /// Scratch that lives until forward returns.
  T* temporary(std::int64_t count) const {
    return static_cast<T*>(detail::temporary(call_, count * static_cast<std::int64_t>(sizeof(T))));
  }
};

/// What backward receives: dy, the values it declared to read, and one sink an operand.
template <class T>
class BackwardArgs : public detail::ArgsBase {
 public:
  using ArgsBase::ArgsBase;
  View<const T> x(int i) const { return view_of<const T>(operand(i)); }
  View<const T> y() const { return view_of<const T>(*call_.node); }
  const T* saved() const { return static_cast<const T*>(call_.node->saved(sizeof(T))); }
  View<const T> dy() const {
    const detail::Node& y = *call_.node;
    return {static_cast<const T*>(call_.gradients[call_.index]), y.extents, y.size(), y.rank,
            static_cast<std::int32_t>(call_.index)};
  }
  Sink<T> dx(int i) const { return Sink<T>(call_, call_.node->inputs()[i]); }
  /// Guards costly work: false when nothing upstream of operand i wants a gradient.
  bool needs(int i) const { return operand(i).has(detail::flag::needs_grad); }
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
  int in_place = -1;         ///< the operand in whose memory y lies, for rules with `place`
  bool undefined = false;    ///< forward leaves y unspecified, for others to fill: it is not watched for NaN
};

/// A stateless description of one op. Make one with make_rule<Op>() and keep it in static storage.
struct OpRule {
  using Function = void (*)(const detail::Call&);
  OpInfo info;
  Shape (*infer)(const InferArgs&) = nullptr;
  bool elementwise = false;                                         ///< infer is detail::infer_elementwise
  std::int64_t (*saved)(const InferArgs&, const Shape&) = nullptr;  ///< values kept beside y; may be null
  /// y is operand 0 from this element on, nothing is computed; negative: not with these operands, run forward.
  std::int64_t (*view)(const InferArgs&) = nullptr;
  /// y is operand `in_place` from this element on, which forward writes; its gradient is that part of the operand's. A
  /// rule that has this keeps nothing beside y.
  std::int64_t (*place)(const InferArgs&) = nullptr;
  std::int64_t (*flops)(const InferArgs&, const Shape&) = nullptr;  ///< of forward; null: one an element
  Function forward[scalar_type_count] = {};
  Function backward[scalar_type_count] = {};
};

namespace detail {

/// The shape that all operands broadcast to.
UNSPOOL_API Shape infer_elementwise(const InferArgs& a);

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
/// derivative, backward(BackwardArgs<T>); optionally saved, view and flops. Templates serve every scalar type; name the
/// types, make_rule<Op, float, double>(), where they do not fit duals (unspool/maths.hpp has the functions that do).
/// Without infer the op is elementwise: y has the shape that the operands broadcast to.
template <class Op, Scalar... Ts>
constexpr OpRule make_rule(OpInfo info) {
  OpRule rule;
  rule.info = info;
  if constexpr (requires { &Op::infer; })
    rule.infer = &Op::infer;
  else
    rule.infer = &detail::infer_elementwise, rule.elementwise = true;
  if constexpr (requires { &Op::saved; }) rule.saved = &Op::saved;
  if constexpr (requires { &Op::view; }) rule.view = &Op::view;
  if constexpr (requires { &Op::place; }) rule.place = &Op::place;
  if constexpr (requires { &Op::flops; }) rule.flops = &Op::flops;
  const auto set = [&]<class T>() {
    rule.forward[static_cast<int>(scalar_type<T>)] = detail::forward_of<Op, T>();
    rule.backward[static_cast<int>(scalar_type<T>)] = detail::backward_of<Op, T>();
  };
  if constexpr (sizeof...(Ts) > 0)
    (set.template operator()<Ts>(), ...);
  else
    set.template operator()<float>(), set.template operator()<double>(), set.template operator()<Dual<double>>();
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
