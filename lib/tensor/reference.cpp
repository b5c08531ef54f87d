#include "tensor/reference.hpp"

#include "tensor/reference/elementwise.hpp"
#include "tensor/reference/gates.hpp"
#include "tensor/reference/gemm_tile.hpp"
#include "tensor/reference/optimizer.hpp"
#include "tensor/reference/reduce.hpp"

namespace unspool::kernels {
namespace {

template <class T>
KernelTable<T> make() {
  KernelTable<T> t{};
  reference::elementwise(t);
  reference::rows(t);
  reference::reductions(t);
  reference::softmax(t);
  reference::gates(t);
  if constexpr (RealScalar<T>) {  // nothing is trained in duals, and their products are made of real ones
    reference::optimizers(t);
    reference::gemm_parts(t.gemm);
  }
  return t;
}

}  // namespace

template <class T>
const KernelTable<T>& reference_table() {
  static const KernelTable<T> table = make<T>();
  return table;
}

template const KernelTable<float>& reference_table();
template const KernelTable<double>& reference_table();
template const KernelTable<Dual<double>>& reference_table();

}  // namespace unspool::kernels
