// Which instruction set runs: asked once, from the processor and UNSPOOL_ISA.
#include <cstdlib>
#include <string_view>

#include "tensor/kernels.hpp"
#include "tensor/reference.hpp"
#if defined(__x86_64__)
#include "tensor/simd/tables.hpp"
#endif

namespace unspool::kernels {
namespace {

constexpr Isa all_isas[] = {Isa::avx512, Isa::avx2, Isa::sse2, Isa::scalar};  // best first

Isa choose_isa() {
  if (const char* wanted = std::getenv("UNSPOOL_ISA"))
    for (Isa isa : all_isas)
      if (isa_supported(isa) && std::string_view(wanted) == isa_name(isa)) return isa;
  for (Isa isa : all_isas)
    if (isa_supported(isa)) return isa;
  return Isa::scalar;
}

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::scalar:
      return "scalar";
    case Isa::sse2:
      return "sse2";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "unknown";
}

bool isa_supported(Isa isa) {
  if (isa == Isa::scalar) return true;
#if defined(__x86_64__)
  // These ask the operating system too, which must save the wide registers.
  __builtin_cpu_init();
  switch (isa) {
    case Isa::scalar:
    case Isa::sse2:
      return true;
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
  }
#endif
  return false;
}

Isa active_isa() {
  static const Isa chosen = choose_isa();
  return chosen;
}

template <class T>
const KernelTable<T>& kernel_table_for(Isa isa) {
#if defined(__x86_64__)
  if constexpr (RealScalar<T>) {
    if (isa == Isa::sse2) return simd::sse2_table(T{});
    if (isa == Isa::avx2 && isa_supported(isa)) return simd::avx2_table(T{});
    if (isa == Isa::avx512 && isa_supported(isa)) return simd::avx512_table(T{});
  }
#endif
  if constexpr (!RealScalar<T>)
    if (isa != Isa::scalar) return dual_table();
  (void)isa;
  return reference_table<T>();
}

namespace detail {

template <class T>
constinit std::atomic<const KernelTable<T>*> ActiveTable<T>::pointer{nullptr};

template <class T>
const KernelTable<T>& ActiveTable<T>::resolve() {
  // Two threads may both come here; they store the same pointer.
  const KernelTable<T>& table = kernel_table_for<T>(active_isa());
  pointer.store(&table, std::memory_order_release);
  return table;
}

template struct ActiveTable<float>;
template struct ActiveTable<double>;
template struct ActiveTable<Dual<double>>;

}  // namespace detail

template const KernelTable<float>& kernel_table_for(Isa);
template const KernelTable<double>& kernel_table_for(Isa);
template const KernelTable<Dual<double>>& kernel_table_for(Isa);

}  // namespace unspool::kernels
