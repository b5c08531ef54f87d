// A stretch of queued rows becomes products, column sums and table rows of the parameters' gradients.
#include <algorithm>

#include "tape/tape_core.hpp"
#include "tensor/gemm.hpp"

namespace unspool::detail {

// Products that share their left rows, as those of W_ih and W_hh share a cell's gate gradients, are made together.
template <class T>
void Deferred::add_stretches(TapeCore& tape) {
  for (std::size_t i = 0; i < used_; ++i) {
    Queue& queue = queues_[i];
    if (queue.stretch_rows == 0 || queue.kind != Kind::product) continue;
    queue.a = matrix<T>(tape, queue, &Entry::a, queue.m);
    queue.b = matrix<T>(tape, queue, &Entry::b, queue.n);
  }
  for (std::size_t i = 0; i < used_; ++i) {
    if (queues_[i].stretch_rows == 0) continue;
    if (queues_[i].kind == Kind::product) add_products<T>(tape, i);
    if (queues_[i].kind == Kind::columns) add_columns<T>(tape, queues_[i]);
    if (queues_[i].kind == Kind::rows) add_rows<T>(tape, queues_[i]);
  }
}

template <class T>
void Deferred::add_products(TapeCore& tape, std::size_t first) {
  const Queue& lead = queues_[first];
  const std::int64_t rows = lead.stretch_rows;
  kernels::RightFactor<T> factors[4];
  std::size_t count = 0;
  for (std::size_t i = first; i < used_ && count < std::size(factors); ++i) {
    Queue& queue = queues_[i];
    if (queue.stretch_rows != rows || queue.kind != Kind::product || queue.m != lead.m || queue.a != lead.a) continue;
    const Touched t = tape.touch(queue.target);
    factors[count++] = {queue.n, static_cast<const T*>(queue.b.data), queue.b.stride, !t.first,
                        static_cast<T*>(t.data)};
    queue.stretch_rows = 0;
  }
  kernels::gemm_same_left<T>(true, lead.m, rows, static_cast<const T*>(lead.a.data), lead.a.stride,
                             std::span<const kernels::RightFactor<T>>(factors, count), tape.workspace());
}

template <class T>
void Deferred::add_columns(TapeCore& tape, const Queue& queue) {
  const Touched t = tape.touch(queue.target);
  const auto add = [&](std::int64_t rows, const void* from, std::int64_t stride, bool accumulate) {
    kernels::kernel_table<T>().column_sums(rows, queue.n, static_cast<const T*>(from), stride, static_cast<T*>(t.data),
                                           accumulate);
  };
  if (const Matrix all = evenly_spaced<T>(queue, &Entry::b, queue.n); all.data != nullptr)
    return add(queue.stretch_rows, all.data, all.stride, !t.first);
  for (std::size_t i = 0; i < queue.stretch.size(); ++i)
    add(piece(queue, i).rows, first_row<T>(queue, i, &Entry::b, queue.n), queue.n, i > 0 || !t.first);
}

template <class T>
void Deferred::add_rows(TapeCore& tape, const Queue& queue) {
  T* const table = static_cast<T*>(tape.zeroed(queue.target));
  for (std::size_t i = 0; i < queue.stretch.size(); ++i) {
    const Piece& p = piece(queue, i);
    const T* const rows = first_row<T>(queue, i, &Entry::b, queue.n);
    for (std::int64_t r = 0; r < p.rows; ++r)
      kernels::kernel_table<T>().copy_grad(queue.n, rows + r * queue.n, table + p.entry->ids[p.first + r] * queue.n,
                                           true);
  }
}

// The walk goes from the last step to the first: pieces are in time order from the back.
const Deferred::Piece& Deferred::piece(const Queue& queue, std::size_t i) {
  return queue.stretch[queue.stretch.size() - 1 - i];
}

template <class T>
const T* Deferred::first_row(const Queue& queue, std::size_t i, const void* Entry::*part, std::int64_t width) {
  const Piece& p = piece(queue, i);
  return static_cast<const T*>(p.entry->*part) + p.first * width;
}

// A stretch's rows where they lie. No data unless they are at equal distances in time order.
template <class T>
Deferred::Matrix Deferred::evenly_spaced(const Queue& queue, const void* Entry::*part, std::int64_t width) {
  const std::size_t pieces = queue.stretch.size();
  const bool single = pieces > 1 && piece(queue, 0).rows == 1;
  const T* at = first_row<T>(queue, 0, part, width);
  const Matrix rows{at, single ? first_row<T>(queue, 1, part, width) - at : width};
  bool even = rows.stride >= width;
  for (std::size_t i = 0; even && i < pieces; at += piece(queue, i++).rows * rows.stride)
    even = first_row<T>(queue, i, part, width) == at && (rows.stride == width || piece(queue, i).rows == 1);
  return even ? rows : Matrix();
}

// The same, side by side in scratch where they lie unevenly.
template <class T>
Deferred::Matrix Deferred::matrix(TapeCore& tape, const Queue& queue, const void* Entry::*part, std::int64_t width) {
  if (const Matrix rows = evenly_spaced<T>(queue, part, width); rows.data != nullptr) return rows;
  T* const packed = static_cast<T*>(tape.temporary(queue.stretch_rows * width * static_cast<std::int64_t>(sizeof(T))));
  T* out = packed;
  for (std::size_t i = 0; i < queue.stretch.size(); ++i)
    out = std::copy_n(first_row<T>(queue, i, part, width), piece(queue, i).rows * width, out);
  return {packed, width};
}

template void Deferred::add_stretches<float>(TapeCore&);
template void Deferred::add_stretches<double>(TapeCore&);
template void Deferred::add_stretches<Dual<double>>(TapeCore&);

}  // namespace unspool::detail
