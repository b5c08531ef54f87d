// Optimisers and schedules.
#include <memory>

#include "run.hpp"
#include "unspool/clip.hpp"
#include "unspool/optim.hpp"
#include "unspool/schedule.hpp"

namespace {

std::unique_ptr<us::Optimizer<double>> make_optimizer(const Case& c, const us::ParameterSet<double>& params) {
  const std::string& name = c.word("optimizer");
  const auto number = [&](const char* key, double& option) { option = c.number(key, option); };
  const auto build = [&]<class O, class Options>(Options o) -> std::unique_ptr<us::Optimizer<double>> {
    number("lr", o.lr);
    number("weight_decay", o.weight_decay);
    if constexpr (requires { o.eps; }) number("eps", o.eps);
    if constexpr (requires { o.beta1; }) number("beta1", o.beta1), number("beta2", o.beta2);
    if constexpr (requires { o.momentum; }) number("momentum", o.momentum);
    if constexpr (requires { o.dampening; }) number("dampening", o.dampening), o.nesterov = c.flag("nesterov");
    if constexpr (requires { o.centered; }) number("alpha", o.alpha), o.centered = c.flag("centered");
    if constexpr (requires { o.lr_decay; })
      number("lr_decay", o.lr_decay), number("initial_accumulator_value", o.initial_accumulator_value);
    return std::make_unique<O>(params, o);
  };
  if (name == "SGD") return build.operator()<us::SGD<double>>(us::SGDOptions{});
  if (name == "RMSprop") return build.operator()<us::RMSprop<double>>(us::RMSpropOptions{});
  if (name == "Adagrad") return build.operator()<us::Adagrad<double>>(us::AdagradOptions{});
  if (name == "Adam") return build.operator()<us::Adam<double>>(us::AdamOptions{});
  return build.operator()<us::AdamW<double>>(us::AdamWOptions{});
}

}  // namespace

// loss = sum(tanh(x W) g) on two parameters, so that every gradient depends on the steps before it.
void run_optimizer(const Case& c) {
  us::ParameterSet<double> params;
  for (const char* name : {"w", "b"})
    set_parameter(params.add(name, c.tensor(name).shape(), us::zeros()), c.tensor(name));
  const auto optimizer = make_optimizer(c, params);
  us::Tape<double> tape;
  for (int step = 0; step < c.integer("steps"); ++step) {
    tape.reset();
    params.zero_grad();
    const Var y = tanh(matmul(tape.input(c.tensor("x")), params["w"]) + params["b"]);
    tape.backward(sum(y * tape.input(c.tensor("weight_of_y"))));
    if (c.settings.contains("max_norm"))
      write_tensor("norm" + std::to_string(step), std::vector{us::clip_grad_norm(params, c.number("max_norm"))});
    if (c.settings.contains("clip_value")) us::clip_grad_value(params, c.number("clip_value"));
    optimizer->step();
    for (us::Parameter<double>& p : params) write_tensor(p.name() + std::to_string(step), p.values());
  }
}

void run_schedule(const Case& c) {
  const std::string& name = c.word("schedule");
  const double lr = c.number("lr");
  std::vector<double> rates;
  for (std::int64_t step = 0; step < c.integer("steps"); ++step) {
    if (name == "StepLR") rates.push_back(us::StepLR{lr, c.integer("step_size"), c.number("gamma")}(step));
    if (name == "ExponentialLR") rates.push_back(us::ExponentialLR{lr, c.number("gamma")}(step));
    if (name == "CosineAnnealingLR")
      rates.push_back(us::CosineLR{.lr = lr, .steps = c.integer("T_max"), .min_lr = c.number("eta_min")}(step));
    if (name == "OneCycleLR")
      rates.push_back(us::OneCycleLR{lr, c.integer("total_steps"), c.number("pct_start"), c.number("div_factor"),
                                     c.number("final_div_factor")}(step));
  }
  write_tensor("rates", rates);
}
