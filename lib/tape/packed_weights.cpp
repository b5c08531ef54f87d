#include "tape/packed_weights.hpp"

#include "tensor/gemm_dual.hpp"

namespace unspool::detail {

template <class T>
const T* PackedWeights::find_unpacked(std::size_t leaf, bool transposed, std::int64_t k, std::int64_t n,
                                      const T* value) {
  if (leaf >= leaves_.size()) leaves_.resize(leaf + 1);
  Form& form = leaves_[leaf].forms[transposed];
  if (form.recording != recording_) {
    form.recording = recording_;
    form.packed = false;
    return nullptr;
  }
  const std::int64_t bytes = kernels::gemm_packed_size<T>(k, n) * static_cast<std::int64_t>(sizeof(T));
  if (form.memory.bytes() < bytes) form.memory = AlignedBuffer(bytes);
  T* const packed = reinterpret_cast<T*>(form.memory.data());
  kernels::gemm_pack<T>(transposed, k, n, value, transposed ? k : n, packed);
  form.packed = true;
  return packed;
}

void PackedWeights::forget_from(std::size_t leaf) noexcept {
  for (std::size_t i = leaf; i < leaves_.size(); ++i)
    for (Form& form : leaves_[i].forms) form.recording = 0;
}

std::int64_t PackedWeights::bytes() const noexcept {
  std::int64_t sum = 0;
  for (const Leaf& leaf : leaves_)
    for (const Form& form : leaf.forms) sum += form.memory.bytes();
  return sum;
}

template const float* PackedWeights::find_unpacked(std::size_t, bool, std::int64_t, std::int64_t, const float*);
template const double* PackedWeights::find_unpacked(std::size_t, bool, std::int64_t, std::int64_t, const double*);
template const Dual<double>* PackedWeights::find_unpacked(std::size_t, bool, std::int64_t, std::int64_t,
                                                          const Dual<double>*);

}  // namespace unspool::detail
