// Optimisers over a ParameterSet: SGD, RMSprop, Adagrad, Adam and AdamW with PyTorch's formulas, names and defaults.
//
//   us::Adam adam(params, {.lr = 1e-3});
//   params.zero_grad();  tape.backward(loss);  adam.step();
#pragma once

#include <vector>

#include "unspool/parameter.hpp"

namespace unspool {

namespace detail {

/// One parameter's update: what an optimiser's formula reads and writes, all of `count` elements.
template <class T>
struct Update {
  std::int64_t count;
  std::int64_t step;  // of this parameter, from 1
  const T* grad;
  T* value;
  T* const* state;  // the buffers the optimiser asked for
};

}  // namespace detail

/// What all optimisers share. It trains the parameters that the set held when it was made, in place, allocates nothing
/// after construction, and may outlive the set. One thread at a time.
template <RealScalar T = float>
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Updates every parameter by its gradient. One that received no gradient counts as having zeros, so that momentum
  /// and weight decay go on; a frozen one is left alone, state and all. Gradients stay: see ParameterSet::zero_grad().
  void step();
  /// The learning rate of the next step.
  double lr() const noexcept { return lr_; }
  /// Throws bad_argument unless lr is finite and at least 0.
  void set_lr(double lr);

 protected:
  /// `buffers` state tensors for each parameter, every element `fill`.
  Optimizer(const char* name, const ParameterSet<T>& params, double lr, int buffers, double fill = 0);

 private:
  static constexpr int max_buffers = 3;
  struct Slot {
    detail::Shared<detail::ParameterCore> parameter;
    std::int64_t step = 0;
    std::vector<T> state[max_buffers];
  };

  virtual void update(const detail::Update<T>& u) = 0;

  const char* name_;
  double lr_;
  std::vector<Slot> slots_;
};

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0;  ///< of the heavy ball, b = momentum b + (1 - dampening) g; the first b is g
  double dampening = 0;
  double weight_decay = 0;  ///< g += weight_decay w
  bool nesterov = false;    ///< steps along g + momentum b; needs momentum > 0 and dampening 0
};

/// Stochastic gradient descent, w -= lr g; with momentum (Polyak 1964; Nesterov as in Sutskever et al., ICML 2013).
template <RealScalar T = float>
class SGD : public Optimizer<T> {
 public:
  /// Throws bad_argument for options outside their range.
  explicit SGD(const ParameterSet<T>& params, const SGDOptions& options = {});

 private:
  void update(const detail::Update<T>& u) override;
  SGDOptions options_;
};

struct RMSpropOptions {
  double lr = 1e-2;
  double alpha = 0.99;  ///< of the running mean of g^2
  double eps = 1e-8;
  double weight_decay = 0;  ///< g += weight_decay w
  double momentum = 0;
  bool centered = false;  ///< divides by the running standard deviation (Graves, arXiv:1308.0850)
};

/// w -= lr g / (sqrt(v) + eps), v the running mean of g^2 (Tieleman and Hinton, Coursera lecture 6.5, 2012).
template <RealScalar T = float>
class RMSprop : public Optimizer<T> {
 public:
  /// Throws bad_argument for options outside their range.
  explicit RMSprop(const ParameterSet<T>& params, const RMSpropOptions& options = {});

 private:
  void update(const detail::Update<T>& u) override;
  RMSpropOptions options_;
};

struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;      ///< the rate at step t is lr / (1 + (t - 1) lr_decay)
  double weight_decay = 0;  ///< g += weight_decay w
  double initial_accumulator_value = 0;
  double eps = 1e-10;
};

/// w -= lr g / (sqrt(s) + eps), s the sum of all g^2 (Duchi, Hazan and Singer, JMLR 12, 2011).
template <RealScalar T = float>
class Adagrad : public Optimizer<T> {
 public:
  /// Throws bad_argument for options outside their range.
  explicit Adagrad(const ParameterSet<T>& params, const AdagradOptions& options = {});

 private:
  void update(const detail::Update<T>& u) override;
  AdagradOptions options_;
};

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;    ///< of the running mean m of g
  double beta2 = 0.999;  ///< of the running mean v of g^2
  double eps = 1e-8;
  double weight_decay = 0;  ///< g += weight_decay w
};

/// w -= lr m^ / (sqrt(v^) + eps), both means corrected for their start at 0 (Kingma and Ba, ICLR 2015, algorithm 1).
template <RealScalar T = float>
class Adam : public Optimizer<T> {
 public:
  /// Throws bad_argument for options outside their range.
  explicit Adam(const ParameterSet<T>& params, const AdamOptions& options = {});

 private:
  void update(const detail::Update<T>& u) override;
  AdamOptions options_;
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;  ///< w *= 1 - lr weight_decay, apart from the gradient
};

/// Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019, algorithm 2).
template <RealScalar T = float>
class AdamW : public Optimizer<T> {
 public:
  /// Throws bad_argument for options outside their range.
  explicit AdamW(const ParameterSet<T>& params, const AdamWOptions& options = {});

 private:
  void update(const detail::Update<T>& u) override;
  AdamWOptions options_;
};

extern template class UNSPOOL_API Optimizer<float>;
extern template class UNSPOOL_API Optimizer<double>;
extern template class UNSPOOL_API SGD<float>;
extern template class UNSPOOL_API SGD<double>;
extern template class UNSPOOL_API RMSprop<float>;
extern template class UNSPOOL_API RMSprop<double>;
extern template class UNSPOOL_API Adagrad<float>;
extern template class UNSPOOL_API Adagrad<double>;
extern template class UNSPOOL_API Adam<float>;
extern template class UNSPOOL_API Adam<double>;
extern template class UNSPOOL_API AdamW<float>;
extern template class UNSPOOL_API AdamW<double>;

}  // namespace unspool
