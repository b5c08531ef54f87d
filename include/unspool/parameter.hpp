// Parameter: a trained tensor that every step shares. ParameterSet: the parameters of a model, by name.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unspool/init.hpp"
#include "unspool/random.hpp"
#include "unspool/shared.hpp"
#include "unspool/tape.hpp"

namespace unspool {

namespace detail {

UNSPOOL_API void* parameter_value(ParameterCore& p);  // marks the value as changed
UNSPOOL_API const void* parameter_value(const ParameterCore& p);
UNSPOOL_API void* parameter_grad(ParameterCore& p);  // zeros where nothing was accumulated
UNSPOOL_API void zero_parameter_grad(ParameterCore& p);
UNSPOOL_API bool parameter_grad_is_zero(const ParameterCore& p);
UNSPOOL_API const Shape& parameter_shape(const ParameterCore& p);
UNSPOOL_API const std::string& parameter_name(const ParameterCore& p);
UNSPOOL_API bool parameter_trainable(const ParameterCore& p);
UNSPOOL_API void set_parameter_trainable(ParameterCore& p, bool trainable);
UNSPOOL_API void retain(const ParameterCore& p) noexcept;
UNSPOOL_API void release(const ParameterCore& p) noexcept;
UNSPOOL_API Shared<ParameterCore> make_parameter(ScalarType type, std::string name, const Shape& shape);
UNSPOOL_API void initialize_parameter(ParameterCore& p, const Init& init, Random random);

}  // namespace detail

/// One trained tensor and one gradient accumulator. Stands wherever a Var may. Many tapes may read it at once;
/// one thread at a time may change it or run backward() into it.
template <Scalar T = float>
class Parameter : public Operand<T> {
 public:
  explicit Parameter(detail::Shared<detail::ParameterCore> core) : Operand<T>(core.get()), core_(std::move(core)) {}
  Parameter(const Parameter&) = delete;
  Parameter& operator=(const Parameter&) = delete;

  const std::string& name() const { return detail::parameter_name(*core_); }
  const Shape& shape() const { return detail::parameter_shape(*core_); }
  std::int64_t size() const { return shape().size(); }
  /// The value, row-major.
  std::span<const T> values() const {
    return {static_cast<const T*>(detail::parameter_value(std::as_const(*core_))), count()};
  }
  /// For writing: a tape that has already read the old value will refuse to walk back (parameter_changed).
  std::span<T> mutable_values() { return {static_cast<T*>(detail::parameter_value(*core_)), count()}; }
  /// The gradient summed by every backward() since the last zero_grad(); exact zeros for an unused parameter.
  std::span<T> grad() const { return {static_cast<T*>(detail::parameter_grad(*core_)), count()}; }
  /// O(1): the next contribution assigns instead of adding.
  void zero_grad() { detail::zero_parameter_grad(*core_); }
  /// True from zero_grad() until something is accumulated.
  bool grad_is_zero() const { return detail::parameter_grad_is_zero(*core_); }

  /// A frozen parameter (false) is read but gets no gradient. Default true.
  bool trainable() const { return detail::parameter_trainable(*core_); }
  void set_trainable(bool trainable) { detail::set_parameter_trainable(*core_, trainable); }

  const detail::Shared<detail::ParameterCore>& core() const noexcept { return core_; }

 private:
  std::size_t count() const { return static_cast<std::size_t>(size()); }
  detail::Shared<detail::ParameterCore> core_;
};

/// The parameters of a model in the order they were added, each with a unique name ("encoder.weight_ih_l0").
/// Addresses of parameters are stable. Initial values depend on the set's seed and the parameter's name alone.
template <Scalar T = float>
class ParameterSet {
 public:
  explicit ParameterSet(Seed seed = {}) : seed_(seed) {}
  ParameterSet(ParameterSet&&) = default;
  ParameterSet& operator=(ParameterSet&& other) noexcept {
    std::swap(seed_, other.seed_);
    std::swap(reopened_, other.reopened_);
    parameters_.swap(other.parameters_);
    return *this;
  }
  ~ParameterSet() {
    for (const Parameter<T>* p : parameters_) delete p;
  }

  /// A new parameter, initialised. Throws duplicate_name, bad_shape, bad_argument (an initialiser that does not fit the
  /// shape), out_of_memory; where the set is reopened, shape_mismatch for a name that is there with another shape.
  Parameter<T>& add(std::string name, const Shape& shape, const Init& init);
  /// The parameter of a name. Throws bad_argument when there is none.
  Parameter<T>& operator[](std::string_view name) const;
  /// The parameter of a name, or null.
  Parameter<T>* find(std::string_view name) const noexcept;

  /// From now on add() of a name that is there returns that parameter with the value it has: a model can be built again
  /// on its parameters, as the functions of unspool/derivatives.hpp let it.
  void reopen() noexcept { reopened_ = true; }

  std::size_t size() const noexcept { return parameters_.size(); }
  /// The parameters in the order they were added. Throws index_out_of_range.
  Parameter<T>& at(std::size_t position) const;
  /// Number of trained values in all.
  std::int64_t value_count() const;
  /// Parameter::zero_grad() of each.
  void zero_grad();

  // For range-based loops: for (Parameter<>& p : params).
  class Iterator {
   public:
    explicit Iterator(Parameter<T>* const* at) : at_(at) {}
    Parameter<T>& operator*() const { return **at_; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    Parameter<T>* const* at_;
  };
  Iterator begin() const { return Iterator(parameters_.data()); }
  Iterator end() const { return Iterator(parameters_.data() + parameters_.size()); }

 private:
  Seed seed_;
  bool reopened_ = false;
  std::vector<Parameter<T>*> parameters_;  // owned
};

extern template class UNSPOOL_API ParameterSet<float>;
extern template class UNSPOOL_API ParameterSet<double>;
extern template class UNSPOOL_API ParameterSet<Dual<double>>;

}  // namespace unspool
