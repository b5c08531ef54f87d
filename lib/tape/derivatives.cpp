#include "unspool/derivatives.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "tape/tape_core.hpp"

namespace unspool::detail {
namespace {

using D = Dual<double>;

template <class T>
Tensor<T> values_of(const Shape& shape, std::span<const D> from) {
  Tensor<T> to(shape);
  std::ranges::transform(from, to.data(), [](const D& x) { return static_cast<T>(x.value); });
  return to;
}

template <class T>
Tensor<T> tangents_of(const Shape& shape, std::span<const D> from) {
  Tensor<T> to(shape);
  std::ranges::transform(from, to.data(), [](const D& x) { return static_cast<T>(x.tangent); });
  return to;
}

template <class T>
Tensor<D> lifted(const Tensor<T>& x, const Tensor<T>& direction) {
  Tensor<D> to(x.shape());
  std::ranges::transform(x.values(), direction.values(), to.data(), [](T v, T t) { return D(v, t); });
  return to;
}

/// What the derivative is by, on tapes of U: f's parameters and, where there is one, x.
template <class T, class U>
class Lifted {
 public:
  /// Of duals, along a direction; of real numbers, without one.
  Lifted(const Point<T>& at, std::span<const Tensor<T>> direction, const char* op) : by_x_(at.x != nullptr) {
    if constexpr (!RealScalar<U>) check(at, direction, op);
    if (at.params != nullptr)
      for (std::size_t i = 0; i < at.params->size(); ++i)
        add(at.params->at(i), by_x_ || direction.empty() ? nullptr : &direction[i]);
    params_.reopen();
    if constexpr (RealScalar<U>) {
      if (by_x_) x_ = *at.x;
    } else {
      if (by_x_) x_ = lifted(*at.x, direction[0]);
    }
  }

  /// f recorded on a tape that forgets what it held.
  Var<U> record(const Traced<U>& f, Tape<U>& tape, std::uint64_t seed, const char* op) {
    tape.reset();
    tape.seed(seed);
    if (by_x_) variable_ = tape.variable(x_);
    const Var<U> y = f.call(f.f, tape, params_, variable_);
    require(y.tape() == tape.core(), ErrorCode::wrong_tape, op,
            "the function must return a value of the tape it is given");
    return y;
  }
  /// part(shape, gradient) of each parameter, or of x.
  template <class Part>
  TensorList<T> gradients(Part part) const {
    TensorList<T> all;
    if (by_x_)
      all.push_back(part(variable_.shape(), variable_.grad()));
    else
      for (const Parameter<U>& p : params_) all.push_back(part(p.shape(), std::span<const U>(p.grad())));
    return all;
  }
  Tensor<U>& x() { return x_; }

 private:
  static void check(const Point<T>& at, std::span<const Tensor<T>> direction, const char* op) {
    if (at.x != nullptr)
      return require(direction[0].shape() == at.x->shape(), ErrorCode::shape_mismatch, op,
                     "the direction must be {}, as x; given {}", at.x->shape(), direction[0].shape());
    require(direction.size() == at.params->size(), ErrorCode::shape_mismatch, op,
            "the direction must have a tensor for each of {} parameters; given {}", at.params->size(),
            direction.size());
    for (std::size_t i = 0; i < direction.size(); ++i)
      require(direction[i].shape() == at.params->at(i).shape(), ErrorCode::shape_mismatch, op,
              "the direction of {} must be {}; given {}", at.params->at(i).name(), at.params->at(i).shape(),
              direction[i].shape());
  }
  void add(const Parameter<T>& from, const Tensor<T>* direction) {
    Parameter<U>& to = params_.add(from.name(), from.shape(), zeros());
    to.set_trainable(from.trainable() && !by_x_);
    const std::span<U> values = to.mutable_values();
    std::ranges::copy(from.values(), values.begin());
    if constexpr (!RealScalar<U>)
      for (std::size_t i = 0; direction != nullptr && from.trainable() && i < values.size(); ++i)
        values[i].tangent = direction->values()[i];
  }

  bool by_x_;
  ParameterSet<U> params_;
  Tensor<U> x_;
  Var<U> variable_;
};

void check_scalar(const Shape& shape, const char* op) {
  require(shape.size() == 1, ErrorCode::not_scalar, op, "the function must return one element; its shape is {}", shape);
}

void check_cotangent(const Shape& given, const Shape& wanted, const char* op) {
  require(given == wanted, ErrorCode::shape_mismatch, op, "the cotangent must be {}, as the function's value; given {}",
          wanted, given);
}

[[noreturn]] void no_memory(const char* op) {
  fail(ErrorCode::out_of_memory, op, "memory for the parameters, directions or results could not be had");
}

Shape joined(const Shape& y, const Shape& x) {
  require(y.rank() + x.rank() <= Shape::max_rank, ErrorCode::unsupported, "jacobian",
          "the function's axes and those of x must be {} at most; given {} and {}", Shape::max_rank, y, x);
  std::int64_t extents[Shape::max_rank];
  std::ranges::copy(x.extents(), std::ranges::copy(y.extents(), extents).out);
  return Shape(std::span<const std::int64_t>(extents, static_cast<std::size_t>(y.rank() + x.rank())));
}

template <class T>
void forward_columns(const Traced<D>& f, const Point<T>& at, std::uint64_t seed, Tensor<T>& jacobian) {
  const std::int64_t columns = at.x->size();
  Lifted<T, D> lifted(at, one(Tensor<T>(at.x->shape())), "jacobian");
  Tape<D> tape;
  for (std::int64_t c = 0; c < columns; ++c) {
    lifted.x()[c].tangent = 1;
    const Var<D> y = lifted.record(f, tape, seed, "jacobian");
    lifted.x()[c].tangent = 0;
    for (std::size_t r = 0; r < y.values().size(); ++r)
      jacobian[static_cast<std::int64_t>(r) * columns + c] = static_cast<T>(y.values()[r].tangent);
  }
}

// From a tape on which the first row's recording stands.
template <class T>
void reverse_rows(const Traced<T>& f, Lifted<T, T>& lifted, Tape<T>& tape, Var<T> y, std::uint64_t seed,
                  Tensor<T>& jacobian) {
  const Node& node = tape.core()->node(y.index());
  if (!node.has(flag::needs_grad | flag::severed)) return;  // a constant: the rows are 0
  std::vector<T> unit(static_cast<std::size_t>(y.size()));
  T* row = jacobian.data();
  for (std::size_t r = 0; r < unit.size(); ++r) {
    if (r > 0) y = lifted.record(f, tape, seed, "jacobian");
    unit[r] = 1;
    tape.backward(y, unit);
    unit[r] = 0;
    for (const Tensor<T>&gradient : lifted.gradients([](const Shape&s, std::span<const T> g) {
           return Tensor<T>(s, {g.begin(), g.end()});
         }))
      row = std::ranges::copy(gradient.values(), row).out;
  }
}

}  // namespace

template <RealScalar T>
JvpResult<T> jvp(Traced<D> f, Point<T> at, std::span<const Tensor<T>> direction, std::uint64_t seed) try {
  Lifted<T, D> lifted(at, direction, "jvp");
  Tape<D> tape;
  const Var<D> y = lifted.record(f, tape, seed, "jvp");
  return {values_of<T>(y.shape(), y.values()), tangents_of<T>(y.shape(), y.values())};
} catch (const std::bad_alloc&) {
  no_memory("jvp");
}

template <RealScalar T>
VjpResult<T, TensorList<T>> vjp(Traced<T> f, Point<T> at, const Tensor<T>& cotangent, std::uint64_t seed) try {
  Lifted<T, T> lifted(at, {}, "vjp");
  Tape<T> tape;
  const Var<T> y = lifted.record(f, tape, seed, "vjp");
  check_cotangent(cotangent.shape(), y.shape(), "vjp");
  Tensor<T> value = y.tensor();
  tape.backward(y, cotangent.values());
  return {std::move(value), lifted.gradients([](const Shape& s, std::span<const T> g) {
            return Tensor<T>(s, {g.begin(), g.end()});
          })};
} catch (const std::bad_alloc&) {
  no_memory("vjp");
}

template <RealScalar T>
HvpResult<T, TensorList<T>> hvp(Traced<D> f, Point<T> at, std::span<const Tensor<T>> direction,
                                std::uint64_t seed) try {
  Lifted<T, D> lifted(at, direction, "hvp");
  Tape<D> tape;
  const Var<D> y = lifted.record(f, tape, seed, "hvp");
  check_scalar(y.shape(), "hvp");
  const T value = static_cast<T>(y.item().value);
  tape.backward(y);
  return {value, lifted.gradients(values_of<T>), lifted.gradients(tangents_of<T>)};
} catch (const std::bad_alloc&) {
  no_memory("hvp");
}

// f is recorded once: its tangent is J v, and its walk from H J v, taken as a constant, ends in Jᵀ H J v.
template <RealScalar T>
GnvpResult<T, TensorList<T>> gnvp(Traced<D> f, Traced<D> loss, Point<T> at, std::span<const Tensor<T>> direction,
                                  std::uint64_t seed) try {
  Lifted<T, D> lifted(at, direction, "gnvp");
  Tape<D> tape;
  const Var<D> z = lifted.record(f, tape, seed, "gnvp");
  const Tensor<double> value = values_of<double>(z.shape(), z.values());
  const Tensor<double> tangent = tangents_of<double>(z.shape(), z.values());
  const auto curved = hvp<double>(loss, {nullptr, &value}, one(tangent), seed);
  const std::span<const double> product = curved.product[0].values();
  tape.backward(z, std::vector<D>(product.begin(), product.end()));
  return {static_cast<T>(curved.value), lifted.gradients(values_of<T>)};
} catch (const std::bad_alloc&) {
  no_memory("gnvp");
}

template <RealScalar T>
Tensor<T> jacobian(Traced<D> forward, Traced<T> reverse, Point<T> at, const JacobianOptions& options) try {
  Lifted<T, T> real(at, {}, "jacobian");
  Tape<T> tape;
  const Var<T> y = real.record(reverse, tape, options.seed, "jacobian");
  Tensor<T> result(joined(y.shape(), at.x->shape()));
  if (result.size() == 0) return result;
  const bool rows =
      options.mode == JacobianMode::reverse || (options.mode == JacobianMode::automatic && y.size() < at.x->size());
  if (rows)
    reverse_rows(reverse, real, tape, y, options.seed, result);
  else
    forward_columns(forward, at, options.seed, result);
  return result;
} catch (const std::bad_alloc&) {
  no_memory("jacobian");
}

#define UNSPOOL_INSTANTIATE(T)                                                                                       \
  template UNSPOOL_API JvpResult<T> jvp(Traced<D>, Point<T>, std::span<const Tensor<T>>, std::uint64_t);             \
  template UNSPOOL_API VjpResult<T, TensorList<T>> vjp(Traced<T>, Point<T>, const Tensor<T>&, std::uint64_t);        \
  template UNSPOOL_API HvpResult<T, TensorList<T>> hvp(Traced<D>, Point<T>, std::span<const Tensor<T>>,              \
                                                       std::uint64_t);                                               \
  template UNSPOOL_API GnvpResult<T, TensorList<T>> gnvp(Traced<D>, Traced<D>, Point<T>, std::span<const Tensor<T>>, \
                                                         std::uint64_t);                                             \
  template UNSPOOL_API Tensor<T> jacobian(Traced<D>, Traced<T>, Point<T>, const JacobianOptions&);
UNSPOOL_INSTANTIATE(float)
UNSPOOL_INSTANTIATE(double)
#undef UNSPOOL_INSTANTIATE

}  // namespace unspool::detail
