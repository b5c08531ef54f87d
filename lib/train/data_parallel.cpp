// data_parallel: shards of a batch on tapes of their own, gradients added in a fixed tree.
#include <algorithm>
#include <exception>

#include "base/check.hpp"
#include "tape/local_gradients.hpp"
#include "tensor/kernels.hpp"
#include "train/pool_core.hpp"

namespace unspool::detail {
namespace {

/// Gives the pool back at the end of a call, however it ends.
struct PoolLease {
  explicit PoolLease(PoolCore& core) : pool(core) {
    require(pool.acquire(), ErrorCode::bad_argument, "data_parallel",
            "the pool is at work already; calls may be neither nested nor made from two threads");
  }
  ~PoolLease() { pool.release(); }
  PoolCore& pool;
};

// A seed for every shard's masks; the multiplier spreads neighbouring seeds over all 64 bits.
std::uint64_t seed_of(std::uint64_t seed, std::int64_t shard) {
  return seed * 0x9E3779B97F4A7C15ull + static_cast<std::uint64_t>(shard);
}

/// A parameter and what each shard has for it; null where the shard's loss did not reach it.
template <class T>
struct Summed {
  ParameterCore* parameter;
  std::vector<T*> shards;
};

template <class T>
std::vector<Summed<T>> collect(const std::vector<std::unique_ptr<Tape<T>>>& tapes, std::int64_t shards) {
  std::vector<Summed<T>> all;
  for (std::int64_t s = 0; s < shards; ++s)
    for_each_local_gradient(*tapes[static_cast<std::size_t>(s)]->core(), [&](ParameterCore& parameter, void* gradient) {
      auto at = std::ranges::find(all, &parameter, &Summed<T>::parameter);
      if (at == all.end()) at = all.insert(all.end(), {&parameter, std::vector<T*>(static_cast<std::size_t>(shards))});
      at->shards[static_cast<std::size_t>(s)] = static_cast<T*>(gradient);
    });
  return all;
}

/// A stretch of one parameter, short enough that all shards' parts stay in the first-level cache.
struct Stretch {
  std::size_t parameter;
  std::int64_t begin, end;
};
constexpr std::int64_t stretch = 2048;

/// ((g0 + g1) + (g2 + g3)) + ...: neighbours are added into the first of them, then pairs of pairs.
template <class T>
const T* add_tree(std::span<T*> terms, std::int64_t n) {
  const kernels::KernelTable<T>& kernel = kernels::kernel_table<T>();
  for (std::size_t stride = 1; stride < terms.size(); stride *= 2)
    for (std::size_t i = 0; i + stride < terms.size(); i += 2 * stride) {
      T* const right = terms[i + stride];
      if (terms[i] != nullptr && right != nullptr)
        kernel.copy_grad(n, right, terms[i], true);
      else if (right != nullptr)
        terms[i] = right;
    }
  return terms[0];
}

template <class T>
void reduce(PoolCore& pool, std::vector<Summed<T>>& all) {
  std::vector<Stretch> work;
  for (std::size_t p = 0; p < all.size(); ++p)
    for (std::int64_t begin = 0, n = all[p].parameter->shape.size(); begin < n; begin += stretch)
      work.push_back({p, begin, std::min(begin + stretch, n)});
  // Every stretch's terms, made here: a task must not throw.
  const std::size_t shards = all.empty() ? 0 : all[0].shards.size();
  std::vector<T*> all_terms(work.size() * shards);
  pool.for_each(static_cast<std::int64_t>(work.size()), [&](std::int64_t i) {
    const Stretch& at = work[static_cast<std::size_t>(i)];
    const Summed<T>& summed = all[at.parameter];
    const std::span<T*> terms(all_terms.data() + static_cast<std::size_t>(i) * shards, shards);
    for (std::size_t k = 0; k < shards; ++k)
      terms[k] = summed.shards[k] == nullptr ? nullptr : summed.shards[k] + at.begin;
    T* const into = reinterpret_cast<T*>(summed.parameter->grad.data()) + at.begin;
    kernels::kernel_table<T>().copy_grad(at.end - at.begin, add_tree(terms, at.end - at.begin), into,
                                         !summed.parameter->grad_is_zero);
  });
  for (const Summed<T>& summed : all) summed.parameter->grad_is_zero = false;
}

}  // namespace

template <RealScalar T>
double data_parallel(PoolCore& pool, const Shards& shards, ShardLoss<T> loss, void* function,
                     const ParallelOptions& options) {
  require(shards.rows > 0 && shards.count > 0, ErrorCode::bad_argument, "data_parallel",
          "rows and shards must be above 0; given {} and {}", shards.rows, shards.count);
  require(options.reduction != Reduction::none, ErrorCode::bad_argument, "data_parallel",
          "the reduction must be mean or sum");
  const PoolLease lease(pool);
  const std::int64_t count = shards.size();
  auto& tapes = pool.tapes<T>();
  while (static_cast<std::int64_t>(tapes.size()) < count) tapes.push_back(std::make_unique<Tape<T>>());

  std::vector<double> losses(static_cast<std::size_t>(count));
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(count));
  pool.for_each(count, [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    try {
      Tape<T>& tape = *tapes[at];
      TapeOptions own = options.tape;
      own.seed = seed_of(options.seed, i);
      begin_local(*tape.core(), own);
      const Shard shard = shards[i];
      const T weight = options.reduction == Reduction::mean ? static_cast<T>(shard.weight) : T(1);
      const Var<T> value = loss(function, tape, shard);
      require(value.shape().size() == 1, ErrorCode::not_scalar, "data_parallel",
              "the loss of a shard must have one element; given {}", value.shape().to_string());
      tape.backward(value, std::span(&weight, 1));
      losses[at] = static_cast<double>(value.item()) * (options.reduction == Reduction::mean ? shard.weight : 1.0);
    } catch (...) {
      errors[at] = std::current_exception();
    }
  });
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);

  auto all = collect(tapes, count);
  reduce(pool, all);
  double total = 0;
  for (const double part : losses) total += part;
  return total;
}

template double data_parallel(PoolCore&, const Shards&, ShardLoss<float>, void*, const ParallelOptions&);
template double data_parallel(PoolCore&, const Shards&, ShardLoss<double>, void*, const ParallelOptions&);

}  // namespace unspool::detail
