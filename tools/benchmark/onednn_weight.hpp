// What the oneDNN program is made of: memory, and weights in the layouts that its primitives ask for.
#pragma once

#include <algorithm>
#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <utility>
#include <vector>

#include "measure.hpp"

namespace benchmark {

using dnnl::memory;
using dnnl::prop_kind;
using Dims = memory::dims;
using Tag = memory::format_tag;

struct Device {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};

  memory allocate(const memory::desc& desc) const { return memory(desc, engine); }
  void reorder(memory from, memory to) { dnnl::reorder(from, to).execute(stream, from, to); }
};

inline memory::desc floats(const Dims& dims, Tag tag) { return {dims, memory::data_type::f32, tag}; }

inline memory::desc query(const dnnl::primitive_desc& pass, int argument) {
  return pass.query_md(dnnl::query::exec_arg_md, argument);
}

inline float* data(const memory& m) { return static_cast<float*>(m.get_data_handle()); }

inline void fill(const memory& m, const std::vector<float>& values) {
  std::copy(values.begin(), values.end(), data(m));
}

inline void clear(const memory& m) { std::memset(m.get_data_handle(), 0, m.get_desc().get_size()); }

/// A weight in the layout that its gradient comes in, as an optimiser would keep it, and in those that the passes ask
/// for: copied once a training step where they differ.
class Weight {
 public:
  /// `plain` is PyTorch's layout, which `values` are in.
  Weight(Device& device, const memory::desc& plain, const std::vector<float>& values, const memory::desc& forward_desc,
         const memory::desc& backward_desc, const memory::desc& gradient_desc)
      : gradient(device.allocate(gradient_desc)), plain_(plain), master_(device.allocate(gradient_desc)) {
    const memory source = device.allocate(plain);
    fill(source, values);
    device.reorder(source, master_);
    forward = copy_in(device, forward_desc);
    backward = backward_desc == forward_desc ? forward : copy_in(device, backward_desc);
  }

  void refresh(const dnnl::stream& stream) {
    for (auto& [reorder, copy] : copies_) reorder.execute(stream, master_, copy);
  }

  double gradient_squares(Device& device) const {
    const memory all = device.allocate(plain_);  // without the padding that oneDNN may have put in
    device.reorder(gradient, all);
    device.stream.wait();
    return squares(data(all), all.get_desc().get_size() / sizeof(float));
  }

  memory forward, backward, gradient;

 private:
  memory copy_in(Device& device, const memory::desc& desc) {
    if (desc == master_.get_desc()) return master_;
    memory copy = device.allocate(desc);
    copies_.emplace_back(dnnl::reorder(master_, copy), copy);
    return copy;
  }

  memory::desc plain_;
  memory master_;
  std::vector<std::pair<dnnl::reorder, memory>> copies_;
};

}  // namespace benchmark
