#include "unspool/parameter.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/check.hpp"
#include "tape/parameter_core.hpp"

namespace unspool {
namespace detail {

void* parameter_value(ParameterCore& p) {
  ++p.version;
  return p.value.data();
}
const void* parameter_value(const ParameterCore& p) { return p.value.data(); }

void* parameter_grad(ParameterCore& p) {
  if (p.grad_is_zero) {
    std::memset(p.grad.data(), 0, static_cast<std::size_t>(p.bytes()));
    // The buffer now holds what the flag promised. Whoever writes through the span must find it accumulated to.
    p.grad_is_zero = false;
  }
  return p.grad.data();
}
void zero_parameter_grad(ParameterCore& p) { p.grad_is_zero = true; }
bool parameter_grad_is_zero(const ParameterCore& p) { return p.grad_is_zero; }
const Shape& parameter_shape(const ParameterCore& p) { return p.shape; }
const std::string& parameter_name(const ParameterCore& p) { return p.name; }
bool parameter_trainable(const ParameterCore& p) { return p.trainable; }
void set_parameter_trainable(ParameterCore& p, bool trainable) { p.trainable = trainable; }

void retain(const ParameterCore& p) noexcept { p.take(); }
void release(const ParameterCore& p) noexcept {
  if (p.give_back()) delete &p;
}

Shared<ParameterCore> make_parameter(ScalarType type, std::string name, const Shape& shape) {
  auto p = Shared<ParameterCore>::adopt(new ParameterCore);
  p->type = type;
  p->name = std::move(name);
  p->shape = shape;
  try {
    p->value = AlignedBuffer(p->bytes());
    p->grad = AlignedBuffer(p->bytes());
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, "parameter", "memory for {} {} could not be had", p->name, shape.to_string());
  }
  return p;
}

namespace {

// A parameter's draws depend on its name, so adding or reordering others leaves it as it was (FNV-1a, 64 bits).
std::uint64_t stream_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

}  // namespace
}  // namespace detail

template <Scalar T>
Parameter<T>& ParameterSet<T>::add(std::string name, const Shape& shape, const Init& init) {
  if (Parameter<T>* known = find(name)) {
    detail::require(reopened_, ErrorCode::duplicate_name, "parameter", "there is already one named \"{}\"", name);
    detail::require(known->shape() == shape, ErrorCode::shape_mismatch, "parameter", "\"{}\" is {}; asked for as {}",
                    name, known->shape(), shape);
    return *known;
  }
  try {
    auto core = detail::make_parameter(scalar_type<T>, name, shape);
    detail::initialize_parameter(*core, init, Random(seed_, detail::stream_of(name)));
    auto made = std::make_unique<Parameter<T>>(std::move(core));
    parameters_.push_back(made.get());
    return *made.release();
  } catch (const std::bad_alloc&) {
    detail::fail(ErrorCode::out_of_memory, "parameter", "memory for {} {} could not be had", name, shape.to_string());
  }
}

template <Scalar T>
Parameter<T>* ParameterSet<T>::find(std::string_view name) const noexcept {
  for (Parameter<T>* p : parameters_)
    if (p->name() == name) return p;
  return nullptr;
}

template <Scalar T>
Parameter<T>& ParameterSet<T>::operator[](std::string_view name) const {
  Parameter<T>* found = find(name);
  detail::require(found != nullptr, ErrorCode::bad_argument, "parameter", "there is none named \"{}\"", name);
  return *found;
}

template <Scalar T>
Parameter<T>& ParameterSet<T>::at(std::size_t position) const {
  detail::require(position < size(), ErrorCode::index_out_of_range, "parameter",
                  "there are {}, counted from 0; asked for number {}", size(), position);
  return *parameters_[position];
}

template <Scalar T>
std::int64_t ParameterSet<T>::value_count() const {
  std::int64_t count = 0;
  for (Parameter<T>* p : parameters_) count += p->size();
  return count;
}

template <Scalar T>
void ParameterSet<T>::zero_grad() {
  for (Parameter<T>* p : parameters_) p->zero_grad();
}

template class ParameterSet<float>;
template class ParameterSet<double>;
template class ParameterSet<Dual<double>>;

}  // namespace unspool
