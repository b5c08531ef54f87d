// Initial values of parameters; formulas and sources stand with each initialiser in unspool/init.hpp.
#include "unspool/init.hpp"

#include <cmath>
#include <vector>

#include "base/check.hpp"
#include "base/with_scalar.hpp"
#include "tape/parameter_core.hpp"
#include "tensor/orthogonal.hpp"
#include "tensor/spectral.hpp"

namespace unspool::detail {
namespace {

struct Fans {
  double in;
  double out;
};

Fans fans_of(const ParameterCore& p) {
  if (p.shape.rank() == 0) return {1, 1};
  if (p.shape.rank() == 1) return {static_cast<double>(p.shape[0]), static_cast<double>(p.shape[0])};
  double between = 1;
  for (int axis = 1; axis < p.shape.rank() - 1; ++axis) between *= static_cast<double>(p.shape[axis]);
  return {static_cast<double>(p.shape[-1]) * between, static_cast<double>(p.shape[0]) * between};
}

void fill_uniform(std::vector<double>& values, Random& random, double low, double high) {
  for (double& v : values) v = random.uniform(low, high);
}

void fill_normal(std::vector<double>& values, Random& random, double mean, double deviation) {
  for (double& v : values) v = mean + deviation * random.normal();
}

void fill_orthogonal(const ParameterCore& p, std::vector<double>& values, Random& random, double gain) {
  require(p.shape.rank() >= 2, ErrorCode::bad_argument, "orthogonal", "{} must have two axes or more; shape is {}",
          p.name, p.shape.to_string());
  if (p.shape.empty()) return;
  fill_normal(values, random, 0, 1);
  kernels::orthonormalize(p.shape[0], p.shape.size() / p.shape[0], values.data());
  for (double& v : values) v *= gain;
}

void fill_identity(const ParameterCore& p, std::vector<double>& values, double gain) {
  require(p.shape.rank() == 2, ErrorCode::bad_argument, "identity", "{} must have two axes; shape is {}", p.name,
          p.shape.to_string());
  for (std::int64_t i = 0; i < std::min(p.shape[0], p.shape[1]); ++i)
    values[static_cast<std::size_t>(i * p.shape[1] + i)] = gain;
}

void fill_spectral(const ParameterCore& p, std::vector<double>& values, Random& random, double radius, double density) {
  require(p.shape.rank() == 2 && p.shape[0] == p.shape[1], ErrorCode::bad_argument, "spectral",
          "{} must be square; shape is {}", p.name, p.shape.to_string());
  require(radius >= 0 && std::isfinite(radius) && density > 0 && density <= 1, ErrorCode::bad_argument, "spectral",
          "the radius must not be negative and the density must be above 0 and at most 1; given {} and {}", radius,
          density);
  for (double& v : values) {
    const double value = random.uniform(-1, 1);
    v = random.uniform() < density ? value : 0;
  }
  if (values.empty()) return;
  const double found = kernels::spectral_radius(p.shape[0], values.data());
  require(found > 0, ErrorCode::bad_argument, "spectral",
          "a matrix must have an eigenvalue other than 0 to be scaled; {} of density {} has none", p.name, density);
  for (double& v : values) v *= radius / found;
}

std::vector<double> draw(const ParameterCore& p, const Init& init, Random random) {
  std::vector<double> values(static_cast<std::size_t>(p.shape.size()), 0.0);
  const Fans fan = fans_of(p);
  switch (init.kind) {
    case Init::Kind::constant:
      values.assign(values.size(), init.a);
      break;
    case Init::Kind::uniform:
      fill_uniform(values, random, init.a, init.b);
      break;
    case Init::Kind::normal:
      fill_normal(values, random, init.a, init.b);
      break;
    case Init::Kind::xavier_uniform: {
      const double bound = init.a * std::sqrt(6 / (fan.in + fan.out));
      fill_uniform(values, random, -bound, bound);
      break;
    }
    case Init::Kind::xavier_normal:
      fill_normal(values, random, 0, init.a * std::sqrt(2 / (fan.in + fan.out)));
      break;
    case Init::Kind::kaiming_uniform: {
      const double bound = std::sqrt(6 / ((1 + init.a * init.a) * fan.in));
      fill_uniform(values, random, -bound, bound);
      break;
    }
    case Init::Kind::kaiming_normal:
      fill_normal(values, random, 0, std::sqrt(2 / ((1 + init.a * init.a) * fan.in)));
      break;
    case Init::Kind::orthogonal:
      fill_orthogonal(p, values, random, init.a);
      break;
    case Init::Kind::identity:
      fill_identity(p, values, init.a);
      break;
    case Init::Kind::spectral:
      fill_spectral(p, values, random, init.a, init.b);
      break;
  }
  return values;
}

}  // namespace

void initialize_parameter(ParameterCore& p, const Init& init, Random random) {
  const std::vector<double> values = draw(p, init, random);
  with_scalar(p.type,
              [&]<class T>() { std::copy(values.begin(), values.end(), reinterpret_cast<T*>(p.value.data())); });
  ++p.version;
}

}  // namespace unspool::detail
