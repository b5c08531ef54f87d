#include "unspool/gradcheck.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.hpp"

namespace unspool::detail {
namespace {

// One checked tensor: a parameter or an input.
struct Target {
  std::string name;
  Shape shape;
  Parameter<double>* parameter = nullptr;
  std::size_t input = 0;
  std::vector<double> backward;
};

// A parameter's gradient is the caller's: it is put back whatever happens.
class SavedGradient {
 public:
  explicit SavedGradient(Parameter<double>& p) : parameter_(&p), zero_(p.grad_is_zero()) {
    if (!zero_) values_.assign(p.grad().begin(), p.grad().end());
  }
  SavedGradient(SavedGradient&& other) noexcept
      : parameter_(std::exchange(other.parameter_, nullptr)), zero_(other.zero_), values_(std::move(other.values_)) {}
  ~SavedGradient() {
    if (parameter_ == nullptr) return;
    if (zero_)
      parameter_->zero_grad();
    else
      std::copy(values_.begin(), values_.end(), parameter_->grad().begin());
  }

 private:
  Parameter<double>* parameter_;
  bool zero_;
  std::vector<double> values_;
};

// An entry moved for a difference goes back to its exact value, also when the loss throws.
class Moved {
 public:
  explicit Moved(double& entry) : entry_(entry), at_(entry) {}
  Moved(const Moved&) = delete;
  ~Moved() { entry_ = at_; }
  double origin() const { return at_; }
  void by(double distance) { entry_ = at_ + distance; }

 private:
  double& entry_;
  double at_;
};

std::string entry_name(const Target& target, std::int64_t position) {
  std::string text = "]";
  for (int axis = target.shape.rank() - 1; axis >= 0; --axis) {
    text = fmt::format("{}{}{}", axis == 0 ? "" : ",", position % target.shape[axis], text);
    position /= target.shape[axis];
  }
  return fmt::format("{}[{}", target.name, text);
}

class Checker {
 public:
  Checker(GradcheckLoss loss, void* function, std::span<const Tensor<double>> inputs, const GradcheckOptions& options)
      : loss_(loss), function_(function), inputs_(inputs.begin(), inputs.end()), options_(options) {}

  void add_parameters(const ParameterSet<double>& params) {
    for (Parameter<double>& p : params)
      if (p.trainable()) targets_.push_back({p.name(), p.shape(), &p, 0, {}});
  }
  void add_inputs() {
    for (std::size_t i = 0; i < inputs_.size(); ++i)
      targets_.push_back({fmt::format("input {}", i), inputs_[i].shape(), nullptr, i, {}});
  }
  GradcheckResult run(Where where);

 private:
  Var<double> record();
  void walk_back();
  double value() { return record().item(); }
  double numeric(double& entry, Parameter<double>* parameter, double step);
  void compare(const Target& target, std::int64_t position);
  std::vector<std::int64_t> chosen(const Target& target);

  GradcheckLoss loss_;
  void* function_;
  std::vector<Tensor<double>> inputs_;
  std::vector<Var<double>> variables_;
  GradcheckOptions options_;
  Tape<double> tape_;
  std::vector<Target> targets_;

  GradcheckResult result_;
  std::int64_t failed_ = 0;
  double worst_backward_ = 0;
  double worst_numeric_ = 0;
};

Var<double> Checker::record() {
  tape_.reset();
  tape_.seed(options_.seed);
  variables_.clear();
  for (const Tensor<double>& input : inputs_) variables_.push_back(tape_.variable(input));
  const Var<double> loss = loss_(function_, tape_, variables_);
  require(loss.size() == 1, ErrorCode::not_scalar, "gradcheck", "the loss must have one element; its shape is {}",
          loss.shape().to_string());
  require(std::isfinite(loss.item()), ErrorCode::nonfinite, "gradcheck", "the loss must be finite; it is {}",
          loss.item());
  return loss;
}

void Checker::walk_back() {
  for (const Target& target : targets_)
    if (target.parameter != nullptr) target.parameter->zero_grad();
  const double first = value();
  const Var<double> loss = record();
  require(loss.item() == first, ErrorCode::bad_argument, "gradcheck",
          "the function must give the same loss at every call; two calls gave {} and {}", first, loss.item());
  tape_.backward(loss);
  for (Target& target : targets_) {
    const std::span<const double> grad =
        target.parameter != nullptr ? target.parameter->grad() : variables_[target.input].grad();
    target.backward.assign(grad.begin(), grad.end());
  }
}

// Five points: the error is step^4 times a fifth derivative, so a step of 1e-3 leaves rounding as small as 1e-12.
double Checker::numeric(double& entry, Parameter<double>* parameter, double step) {
  Moved moved(entry);
  const double h = step * std::max(0.1, std::abs(moved.origin()));
  const auto at = [&](double distance) {
    moved.by(distance);
    if (parameter != nullptr) parameter->mutable_values();  // tells tapes that it was written
    return value();
  };
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
}

void Checker::compare(const Target& target, std::int64_t position) {
  double& entry = target.parameter != nullptr ? target.parameter->mutable_values()[static_cast<std::size_t>(position)]
                                              : inputs_[target.input][position];
  const double backward = target.backward[static_cast<std::size_t>(position)];
  // Near a kink or a pole a smaller step can be right where the first is not. None makes a wrong gradient right.
  double excess = 0, difference = 0;
  for (const double shrink : {1.0, 1.0 / 30, 1.0 / 900}) {
    const double tried = numeric(entry, target.parameter, options_.step * shrink);
    const double ratio = std::abs(backward - tried) / (options_.absolute + options_.relative * std::abs(tried));
    if (shrink == 1.0 || ratio < excess) excess = ratio, difference = tried;
    if (excess <= 1) break;
  }
  ++result_.entries;
  if (!(excess <= 1)) ++failed_;
  if (excess <= result_.worst && !result_.where.empty()) return;
  if (std::isnan(result_.worst)) return;
  result_.worst = excess;
  result_.where = entry_name(target, position);
  worst_backward_ = backward;
  worst_numeric_ = difference;
}

std::vector<std::int64_t> Checker::chosen(const Target& target) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(target.shape.size()));
  std::iota(positions.begin(), positions.end(), 0);
  if (options_.entries <= 0 || options_.entries >= target.shape.size()) return positions;
  Random random(Seed{options_.seed});
  for (std::int64_t i = 0; i < options_.entries; ++i)
    std::swap(positions[static_cast<std::size_t>(i)],
              positions[static_cast<std::size_t>(i + random.below(target.shape.size() - i))]);
  positions.resize(static_cast<std::size_t>(options_.entries));
  return positions;
}

GradcheckResult Checker::run(Where where) {
  std::vector<SavedGradient> saved;
  for (const Target& target : targets_)
    if (target.parameter != nullptr) saved.emplace_back(*target.parameter);
  walk_back();
  for (const Target& target : targets_)
    for (const std::int64_t position : chosen(target)) compare(target, position);
  if (failed_ == 0) return std::move(result_);
  throw Error(
      ErrorCode::gradient_mismatch, "gradcheck",
      fmt::format("backward must agree with differences within {} + {}*|value|; {} is {} by backward and {} by "
                  "differences, the worst of {} of {} entries that do not agree",
                  options_.absolute, options_.relative, result_.where, worst_backward_, worst_numeric_, failed_,
                  result_.entries),
      fmt::format("at {}:{}",
                  std::string_view(where.file_name()).substr(std::string_view(where.file_name()).find_last_of('/') + 1),
                  where.line()));
}

}  // namespace

GradcheckResult check_gradients(GradcheckLoss loss, void* function, const ParameterSet<double>* params,
                                std::span<const Tensor<double>> inputs, const GradcheckOptions& options, Where where) {
  Checker checker(loss, function, inputs, options);
  if (params != nullptr) checker.add_parameters(*params);
  checker.add_inputs();
  return checker.run(where);
}

}  // namespace unspool::detail
