// What gradient sinks do with products, column sums and table rows: queue them where the target is a parameter, add
// them at once elsewhere.
#include "base/with_scalar.hpp"
#include "tape/multiply.hpp"
#include "tape/tape_core.hpp"
#include "tensor/gemm.hpp"

namespace unspool::detail {
namespace {

bool defers(const Call& call, std::uint32_t node) {
  return call.tape->options().defer_products && call.tape->node(node).has(flag::parameter);
}

// The operand whose value begins at `data` and has this size; -1 for what is no operand's.
int operand_at(const Call& call, const void* data, std::int64_t size) {
  for (std::uint32_t i = 0; i < call.node->arity; ++i) {
    const Node& x = call.nodes[call.node->inputs()[i]];
    if (x.value == data && x.size() == size) return static_cast<int>(i);
  }
  return -1;
}

template <class T>
void add_product_now(const Call& call, std::uint32_t node, bool ta, bool tb, std::int64_t m, std::int64_t n,
                     std::int64_t k, const void* a, const void* b) {
  const Touched t = call.tape->touch(node);
  const T *left = static_cast<const T*>(a), *right = static_cast<const T*>(b);
  const int weight = operand_at(call, b, n * k);
  if (weight >= 0) return multiply<T>(call, weight, ta, tb, m, n, k, left, right, !t.first, static_cast<T*>(t.data));
  kernels::gemm<T>(ta, tb, m, n, k, left, ta ? m : k, right, tb ? k : n, !t.first, static_cast<T*>(t.data), n,
                   call.tape->workspace());
}

}  // namespace

kernels::Workspace& workspace_of(const Call& call) { return call.tape->workspace(); }

void add_product(const Call& call, std::uint32_t node, bool ta, bool tb, std::int64_t m, std::int64_t n, std::int64_t k,
                 const void* a, std::int32_t a_owner, const void* b, std::int32_t b_owner) {
  if (ta && !tb && k > 0 && call.tape->node(node).size() == m * n && defers(call, node) &&
      (a_owner == owner_value || call.tape->hold(a_owner, a)) &&
      (b_owner == owner_value || call.tape->hold(b_owner, b))) {
    call.tape->deferred().push(*call.tape, Deferred::Kind::product, node, m, n, {a, b, nullptr, k, call.index});
    return;
  }
  with_scalar(call.tape->type(), [&]<class T>() { add_product_now<T>(call, node, ta, tb, m, n, k, a, b); });
}

bool queue_columns(const Call& call, std::uint32_t node, const void* rows, std::int64_t row_count, std::int64_t columns,
                   std::int32_t owner) {
  if (row_count == 0 || !defers(call, node) || !call.tape->hold(owner, rows)) return false;
  call.tape->deferred().push(*call.tape, Deferred::Kind::columns, node, 0, columns,
                             {nullptr, rows, nullptr, row_count, call.index});
  return true;
}

bool queue_rows(const Call& call, std::uint32_t node, const std::int64_t* ids, const void* rows, std::int64_t row_count,
                std::int64_t columns, std::int32_t owner) {
  if (!defers(call, node) || !call.tape->hold(owner, rows)) return false;
  call.tape->deferred().push(*call.tape, Deferred::Kind::rows, node, 0, columns,
                             {nullptr, rows, ids, row_count, call.index});
  return true;
}

}  // namespace unspool::detail
