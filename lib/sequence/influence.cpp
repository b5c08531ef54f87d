// Influence: how a state depends on the parameters, carried forward in time.
#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "tape/local_gradients.hpp"
#include "tensor/gemm.hpp"
#include "tensor/kernels.hpp"
#include "unspool/forward_learning.hpp"
#include "unspool/random.hpp"

namespace unspool::detail {
namespace {

// Keeps UORO's two factors finite where a norm vanishes (algorithm 1 has 1e-7).
constexpr double least_norm = 1e-7;

std::size_t count(std::int64_t a, std::int64_t b = 1, std::int64_t c = 1) {
  return static_cast<std::size_t>(a * b * c);
}

template <class T>
double squares(const T* x, std::int64_t n) {
  return static_cast<double>(kernels::kernel_table<T>().sum_squares(n, x));
}

/// What scales one side of the outer product up and the other down, so that both have the same norm.
double balance(double left_squares, double right_squares) {
  return std::sqrt((std::sqrt(left_squares) + least_norm) / (std::sqrt(right_squares) + least_norm));
}

}  // namespace

template <Scalar T>
Influence<T>::Influence(const ForwardOptions& options, std::int64_t batch, std::int64_t state) try
    : options_(options),
      batch_(batch),
      state_(state),
      direction_(rank_one() ? count(batch, state) : 0),
      next_direction_(direction_),
      signs_(direction_) {
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "forward_learner", "memory for {} x {} numbers could not be had", batch, state);
}

template <Scalar T>
void Influence<T>::begin(TapeCore& tape) {
  begin_local(tape, tape.options());
}

template <Scalar T>
std::span<const T> Influence<T>::draw_signs(std::int64_t b) {
  const std::span<T> signs = std::span(signs_).subspan(count(b, state_), count(state_));
  Random random(Seed{options_.seed}, static_cast<std::uint64_t>(steps_ * batch_ + b));
  for (T& sign : signs) sign = random.uniform() < 0.5 ? T(-1) : T(1);
  return signs;
}

template <Scalar T>
typename Influence<T>::Block& Influence<T>::block(ParameterCore& parameter) try {
  for (Block& b : blocks_)
    if (b.parameter.get() == &parameter) return b;
  const std::size_t size = count(batch_, rank_one() ? 1 : state_, parameter.shape.size());
  Block fresh{Shared<ParameterCore>::of(parameter), std::vector<T>(size), std::vector<T>(size), {}};
  if (options_.method == ForwardMethod::snap1) fresh.immediate.resize(size);
  blocks_.push_back(std::move(fresh));
  return blocks_.back();
} catch (const std::bad_alloc&) {
  fail(ErrorCode::out_of_memory, "forward_learner", "memory for the influence of {} {} could not be had",
       parameter.name, parameter.shape.to_string());
}

template <Scalar T>
void Influence<T>::take(TapeCore& tape, std::int64_t b, std::int64_t i) {
  const std::int64_t row = rank_one() ? b : b * state_ + i;
  for (Block& known : blocks_) {
    const std::int64_t size = known.parameter->shape.size();
    std::fill_n(known.next.begin() + row * size, size, T(0));
  }
  for_each_local_gradient(tape, [&](ParameterCore& parameter, const void* gradient) {
    Block& into = block(parameter);
    const std::int64_t size = parameter.shape.size();
    const T* const values = static_cast<const T*>(gradient);
    std::copy_n(values, size, into.next.begin() + row * size);
    for (std::size_t p = 0; !into.immediate.empty() && p < count(size); ++p)
      if (values[p] != 0) into.immediate[count(row, size) + p] = 1;
  });
}

template <Scalar T>
void Influence<T>::take_state_jacobian(std::int64_t b, std::span<const T> jacobian) {
  if (rank_one())
    update_rank_one(b, jacobian);
  else
    update_full(b, jacobian);
}

// J_t = F_t + D_t J_(t-1); F_t is there.
template <Scalar T>
void Influence<T>::update_full(std::int64_t b, std::span<const T> jacobian) {
  kernels::Workspace workspace;
  for (Block& block : blocks_) {
    const std::int64_t size = block.parameter->shape.size();
    const std::size_t first = count(b, state_, size), all = count(state_, size);
    kernels::gemm<T>(false, false, state_, size, state_, jacobian.data(), state_, block.now.data() + first, size, true,
                     block.next.data() + first, size, workspace);
    for (std::size_t k = first; !block.immediate.empty() && k < first + all; ++k)
      if (block.immediate[k] == 0) block.next[k] = 0;
  }
}

// J = s th^T. With random signs v: s' = a D s + b v, th' = th / a + v^T F / b has the mean D J + F whatever a and b are;
// these two make the variance least.
template <Scalar T>
void Influence<T>::update_rank_one(std::int64_t b, std::span<const T> jacobian) {
  kernels::Workspace workspace;
  T* const moved = next_direction_.data() + b * state_;
  const T* const signs = signs_.data() + b * state_;
  kernels::gemm<T>(false, false, state_, 1, state_, jacobian.data(), state_, direction_.data() + b * state_, 1, false,
                   moved, 1, workspace);
  double kept = 0, fresh = 0;
  for (const Block& block : blocks_) {
    const std::int64_t size = block.parameter->shape.size();
    kept += squares(block.now.data() + b * size, size);
    fresh += squares(block.next.data() + b * size, size);
  }
  const double old_scale = balance(kept, squares(moved, state_));
  const double new_scale = balance(fresh, static_cast<double>(state_));
  for (std::int64_t i = 0; i < state_; ++i)
    moved[i] = static_cast<T>(old_scale * static_cast<double>(moved[i]) + new_scale * static_cast<double>(signs[i]));
  for (Block& block : blocks_) {
    const std::int64_t size = block.parameter->shape.size();
    T* const next = block.next.data() + b * size;
    const T* const now = block.now.data() + b * size;
    for (std::int64_t p = 0; p < size; ++p)
      next[p] = static_cast<T>(static_cast<double>(now[p]) / old_scale + static_cast<double>(next[p]) / new_scale);
  }
}

template <Scalar T>
void Influence<T>::add_gradients(std::span<const T> delta) {
  std::vector<T> scaled(direction_.empty() ? 0 : count(batch_));
  for (std::size_t b = 0; b < scaled.size(); ++b)
    scaled[b] =
        kernels::kernel_table<T>().dot(state_, delta.data() + b * count(state_), direction_.data() + b * count(state_));
  kernels::Workspace workspace;
  const std::int64_t rows = rank_one() ? batch_ : batch_ * state_;
  const T* const left = rank_one() ? scaled.data() : delta.data();
  for (Block& block : blocks_) {
    if (!block.parameter->trainable) continue;
    const std::int64_t size = block.parameter->shape.size();
    T* const grad = static_cast<T*>(parameter_grad(*block.parameter));
    kernels::gemm<T>(false, false, 1, size, rows, left, rows, block.now.data(), size, true, grad, size, workspace);
  }
}

template <Scalar T>
void Influence<T>::advance() {
  for (Block& block : blocks_) block.now.swap(block.next);
  direction_.swap(next_direction_);
  ++steps_;
}

template <Scalar T>
void Influence<T>::restart() {
  for (Block& block : blocks_) std::ranges::fill(block.now, T(0));
  std::ranges::fill(direction_, T(0));
}

template class Influence<float>;
template class Influence<double>;

void check_state_parts(std::span<const Shape> parts) {
  require(!parts.empty(), ErrorCode::bad_argument, "state", "must have a Var or more");
  for (const Shape& part : parts)
    require(part.rank() >= 1 && part.size() > 0 && part[0] == parts[0][0], ErrorCode::bad_argument, "state",
            "every part must be [B,...] with one B, and hold values; given {} after {}", part.to_string(),
            parts[0].to_string());
}

void check_input_rows(const Shape& x, std::int64_t rows) {
  require(x.rank() >= 1 && x[0] == rows, ErrorCode::shape_mismatch, "step", "x must be [{},...]; given {}", rows,
          x.to_string());
}

bool wants_gradient(const Handle& x) {
  TapeCore& tape = tape_of(x, "state");
  return tape.node(tape.resolve(x, "state", {})).has(flag::needs_grad);
}

}  // namespace unspool::detail
