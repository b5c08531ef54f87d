// Var: a handle to one recorded value. What ops accept and return.
#pragma once

#include <source_location>
#include <span>
#include <string>
#include <type_traits>

#include "unspool/export.hpp"
#include "unspool/scalar.hpp"
#include "unspool/shape.hpp"
#include "unspool/tensor.hpp"

namespace unspool {

template <Scalar T>
class Parameter;
template <Scalar T>
class Tape;
template <Scalar T = float>
class Var;

/// Where in the caller's source an op was recorded; every op takes one as its last, defaulted argument.
using Where = std::source_location;

namespace detail {

class TapeCore;
struct ParameterCore;

/// What ops are written on: a recorded value or a parameter, whatever its scalar type. 16 bytes, trivially copyable.
class Handle {
 public:
  Handle() noexcept : tape_(nullptr), parameter_(nullptr) {}
  Handle(TapeCore* tape, std::uint32_t index, std::uint32_t generation) noexcept
      : tape_(tape), slot_{index, generation} {}
  explicit Handle(ParameterCore* parameter) noexcept : tape_(nullptr), parameter_(parameter) {}

  TapeCore* tape() const noexcept { return tape_; }
  std::uint32_t index() const noexcept { return slot_.index; }
  std::uint32_t generation() const noexcept { return slot_.generation; }
  ParameterCore* parameter() const noexcept { return tape_ == nullptr ? parameter_ : nullptr; }
  bool empty() const noexcept { return tape_ == nullptr && parameter_ == nullptr; }

 private:
  struct Slot {
    std::uint32_t index;
    std::uint32_t generation;
  };
  TapeCore* tape_;
  union {
    ParameterCore* parameter_;
    Slot slot_;
  };
};

UNSPOOL_API Shape shape_of(const Handle& x);
UNSPOOL_API const void* value_of(const Handle& x);
UNSPOOL_API const void* gradient_of(const Handle& x);
UNSPOOL_API std::string describe(const Handle& x);

// Behind the arithmetic operators; ops.hpp documents each.
UNSPOOL_API Handle add(const Handle& a, const Handle& b, Where where);
UNSPOOL_API Handle sub(const Handle& a, const Handle& b, Where where);
UNSPOOL_API Handle mul(const Handle& a, const Handle& b, Where where);
UNSPOOL_API Handle div(const Handle& a, const Handle& b, Where where);
UNSPOOL_API Handle neg(const Handle& x, Where where);
UNSPOOL_API Handle add_scalar(const Handle& x, double value, Where where);
UNSPOOL_API Handle mul_scalar(const Handle& x, double value, Where where);
UNSPOOL_API Handle div_scalar(const Handle& x, double value, Where where);
UNSPOOL_API Handle rsub_scalar(const Handle& x, double value, Where where);
UNSPOOL_API Handle rdiv_scalar(const Handle& x, double value, Where where);

}  // namespace detail

template <Scalar T>
struct Located;

/// What an op accepts: a Var or a Parameter. Ops deduce their scalar type from it.
template <Scalar T>
class Operand : public detail::Handle {
 public:
  using Handle::Handle;

  // Found through their operands only. Numbers broadcast like a scalar tensor.
  friend Var<T> operator+(Located<T> a, Located<T> b) { return Var<T>(detail::add(a.operand, b.operand, a.where)); }
  friend Var<T> operator-(Located<T> a, Located<T> b) { return Var<T>(detail::sub(a.operand, b.operand, a.where)); }
  friend Var<T> operator*(Located<T> a, Located<T> b) { return Var<T>(detail::mul(a.operand, b.operand, a.where)); }
  friend Var<T> operator/(Located<T> a, Located<T> b) { return Var<T>(detail::div(a.operand, b.operand, a.where)); }
  friend Var<T> operator-(Located<T> a) { return Var<T>(detail::neg(a.operand, a.where)); }
  friend Var<T> operator+(Located<T> a, double b) { return Var<T>(detail::add_scalar(a.operand, b, a.where)); }
  friend Var<T> operator-(Located<T> a, double b) { return Var<T>(detail::add_scalar(a.operand, -b, a.where)); }
  friend Var<T> operator*(Located<T> a, double b) { return Var<T>(detail::mul_scalar(a.operand, b, a.where)); }
  friend Var<T> operator/(Located<T> a, double b) { return Var<T>(detail::div_scalar(a.operand, b, a.where)); }
  friend Var<T> operator+(double a, Located<T> b) { return Var<T>(detail::add_scalar(b.operand, a, b.where)); }
  friend Var<T> operator-(double a, Located<T> b) { return Var<T>(detail::rsub_scalar(b.operand, a, b.where)); }
  friend Var<T> operator*(double a, Located<T> b) { return Var<T>(detail::mul_scalar(b.operand, a, b.where)); }
  friend Var<T> operator/(double a, Located<T> b) { return Var<T>(detail::rdiv_scalar(b.operand, a, b.where)); }
};

/// An operand with the line that mentions it: lets the arithmetic operators, which cannot take further arguments,
/// record the caller's source line.
template <Scalar T>
struct Located {
  Located(const Operand<T>& x, Where line = Where::current()) noexcept : operand(x), where(line) {}
  const Operand<T>& operand;
  Where where;
};

/// A handle to a value on a tape: tape, index and generation. Copying it copies nothing else. Using it after
/// tape.reset(), past tape.rewind() or after the tape is gone throws stale_handle.
template <Scalar T>
class Var : public Operand<T> {
 public:
  Var() noexcept = default;
  explicit Var(const detail::Handle& handle) noexcept
      : Operand<T>(handle.tape(), handle.index(), handle.generation()) {}

  Var& operator+=(Located<T> x) { return *this = Var(detail::add(*this, x.operand, x.where)); }
  Var& operator-=(Located<T> x) { return *this = Var(detail::sub(*this, x.operand, x.where)); }
  Var& operator*=(Located<T> x) { return *this = Var(detail::mul(*this, x.operand, x.where)); }
  Var& operator/=(Located<T> x) { return *this = Var(detail::div(*this, x.operand, x.where)); }

  Shape shape() const { return detail::shape_of(*this); }
  std::int64_t size() const { return shape().size(); }
  /// The recorded numbers, row-major, valid until the tape is reset or rewound.
  std::span<const T> values() const {
    return {static_cast<const T*>(detail::value_of(*this)), static_cast<std::size_t>(size())};
  }
  /// A copy of shape and numbers, apart from the tape.
  Tensor<T> tensor() const { return Tensor<T>(shape(), std::vector<T>(values().begin(), values().end())); }
  /// The only element. Throws not_scalar.
  T item() const { return size() == 1 ? values()[0] : tensor().item(); }
  /// d(loss)/d(this) after backward(), for variables and for values that were kept with tape.keep_grad(). Throws
  /// no_gradient.
  std::span<const T> grad() const {
    return {static_cast<const T*>(detail::gradient_of(*this)), static_cast<std::size_t>(size())};
  }
};

static_assert(std::is_trivially_copyable_v<Var<float>> && sizeof(Var<float>) == 16);

}  // namespace unspool
