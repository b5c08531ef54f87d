// Sink: where a rule's gradient goes.
#pragma once

#include "unspool/loops.hpp"
#include "unspool/node.hpp"

namespace unspool {

namespace kernels {
class Workspace;
}

namespace detail {

struct Touched {
  void* data;  // null when the gradient is not wanted
  bool first;  // the buffer holds nothing yet: assign
};

UNSPOOL_API Touched touch_gradient(const Call& call, std::uint32_t node);
UNSPOOL_API void* zeroed_gradient(const Call& call, std::uint32_t node);
UNSPOOL_API void add_gradient(const Call& call, std::uint32_t node, const void* values);
UNSPOOL_API bool queue_columns(const Call& call, std::uint32_t node, const void* rows, std::int64_t row_count,
                               std::int64_t columns, std::int32_t owner);
UNSPOOL_API bool queue_rows(const Call& call, std::uint32_t node, const std::int64_t* ids, const void* rows,
                            std::int64_t row_count, std::int64_t columns, std::int32_t owner);
UNSPOOL_API void add_product(const Call& call, std::uint32_t node, bool ta, bool tb, std::int64_t m, std::int64_t n,
                             std::int64_t k, const void* a, std::int32_t a_owner, const void* b, std::int32_t b_owner);

}  // namespace detail

/// Where a rule's gradient goes. Only adding is possible. The sink knows whether it is the first contribution (it
/// then assigns, so nothing is zero-filled), whether the gradient is wanted at all, and whether the target is a
/// parameter, whose products are queued and flushed as one.
template <class T>
class Sink {
 public:
  Sink(const detail::Call& call, std::uint32_t target) : call_(call), target_(target) {}

  bool wanted() const { return x().has(detail::flag::needs_grad); }

  /// dx += v, summed over the axes along which x was broadcast to v's shape.
  void add(View<const T> v) const {
    if (x().size() == v.size) return detail::add_gradient(call_, target_, v.data);
    if (is_suffix(v)) return add_columns(v);
    add_map(v, [](T g) { return g; });
  }
  /// dx += f(v), elementwise, summed like add().
  template <class F>
  void add_map(View<const T> v, F f) const {
    if (x().size() == v.size) return each(v.size, [&](std::int64_t i) { return f(v.data[i]); });
    if (!wanted()) return;
    reduce<1>({v}, v.dims(), [&](const std::int64_t* at, const std::int64_t* step, std::int64_t i) {
      return f(v.data[at[0] + i * step[0]]);
    });
  }
  /// dx += f(u, v) where u has the full (broadcast) shape and v broadcasts to it.
  template <class F>
  void add_map(View<const T> u, View<const T> v, F f) const {
    if (x().size() == u.size && v.size == u.size)
      return each(u.size, [&](std::int64_t i) { return f(u.data[i], v.data[i]); });
    if (!wanted()) return;
    reduce<2>({u, v}, u.dims(), [&](const std::int64_t* at, const std::int64_t* step, std::int64_t i) {
      return f(u.data[at[0] + i * step[0]], v.data[at[1] + i * step[1]]);
    });
  }
  /// dx += f(u, v, w) where u has the full (broadcast) shape and v, w broadcast to it.
  template <class F>
  void add_map(View<const T> u, View<const T> v, View<const T> w, F f) const {
    if (!wanted()) return;
    reduce<3>({u, v, w}, u.dims(), [&](const std::int64_t* at, const std::int64_t* step, std::int64_t i) {
      return f(u.data[at[0] + i * step[0]], v.data[at[1] + i * step[1]], w.data[at[2] + i * step[2]]);
    });
  }
  /// db += the column sums of v seen as rows of db's length (a bias). Queued when the target is a parameter.
  void add_columns(View<const T> v) const {
    const std::int64_t columns = x().size();
    if (columns == 0 || !wanted()) return;
    const std::int64_t rows = v.size / columns;
    if (detail::queue_columns(call_, target_, v.data, rows, columns, v.owner)) return;
    T* db = accumulator().data;
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c) db[c] += v.data[r * columns + c];
  }
  /// dx[m,n] += op(a) op(b), row-major, op = transpose where the flag says so; k is the contracted extent. Queued when
  /// the target is a parameter and the product is aᵀ b, the sum over rows that BPTT makes.
  void add_product(bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k, View<const T> a,
                   View<const T> b) const {
    if (wanted()) detail::add_product(call_, target_, ta, tb, m, n, k, a.data, a.owner, b.data, b.owner);
  }
  /// dx[ids[r]] += rows[r] for a table x of rows (an embedding). Queued when the target is a parameter.
  void add_rows(std::span<const std::int64_t> ids, View<const T> rows) const {
    const std::int64_t count = static_cast<std::int64_t>(ids.size());
    if (count == 0 || !wanted()) return;
    const std::int64_t columns = rows.size / count;
    if (detail::queue_rows(call_, target_, ids.data(), rows.data, count, columns, rows.owner)) return;
    T* dx = accumulator().data;
    for (std::int64_t r = 0; r < count; ++r)
      for (std::int64_t c = 0; c < columns; ++c) dx[ids[r] * columns + c] += rows.data[r * columns + c];
  }
  /// For rules whose loop fits none of the above: x's gradient, zero where nothing was added yet. Add, never assign.
  /// data is null when the gradient is not wanted.
  View<T> accumulator() const {
    const detail::Node& to = x();
    return {static_cast<T*>(detail::zeroed_gradient(call_, target_)), to.extents, to.size(), to.rank, owner_partial};
  }
  /// For kernels that can both assign and add: the buffer, and in `first` whether to assign. Null when not wanted.
  T* touch(bool& first) const {
    const detail::Touched t = detail::touch_gradient(call_, target_);
    first = t.first;
    return static_cast<T*>(t.data);
  }

 private:
  const detail::Node& x() const { return call_.nodes[target_]; }

  template <class F>
  void each(std::int64_t count, F f) const {
    bool first;
    T* dx = touch(first);
    if (dx == nullptr) return;
    if (first)
      for (std::int64_t i = 0; i < count; ++i) dx[i] = f(i);
    else
      for (std::int64_t i = 0; i < count; ++i) dx[i] += f(i);
  }
  // Sums f over the broadcast axes of the target, each run in row-major order and in at least double precision.
  template <int N, class F>
  void reduce(const View<const T> (&views)[N], std::span<const std::int64_t> extents, F f) const {
    const View<T> dx = accumulator();
    std::span<const std::int64_t> dims[N + 1];
    for (int k = 0; k < N; ++k) dims[k] = views[k].dims();
    dims[N] = dx.dims();
    detail::for_each_run(detail::BroadcastPlan<N + 1>(extents, dims),
                         [&](const std::int64_t* at, std::int64_t n, const std::int64_t* step) {
                           T* out = dx.data + at[N];
                           if (step[N] == 0) {
                             Wide<T> sum = 0;
                             for (std::int64_t i = 0; i < n; ++i) sum += static_cast<Wide<T>>(f(at, step, i));
                             *out += static_cast<T>(sum);
                           } else {
                             for (std::int64_t i = 0; i < n; ++i) out[i * step[N]] += f(at, step, i);
                           }
                         });
  }
  bool is_suffix(const View<const T>& v) const {
    const detail::Node& to = x();
    if (to.rank > v.rank) return false;
    for (int i = 1; i <= to.rank; ++i)
      if (to.extents[to.rank - i] != v.extents[v.rank - i]) return false;
    return true;
  }

  const detail::Call& call_;
  std::uint32_t target_;
};

}  // namespace unspool
