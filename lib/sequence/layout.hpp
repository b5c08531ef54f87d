// What the packing ops take as their layout: the lengths, then the rows by decreasing length, in scratch of the tape.
#pragma once

#include <algorithm>

#include "unspool/ids.hpp"
#include "unspool/recording.hpp"

namespace unspool::detail {

class Layout : public Scratch<std::int64_t> {
 public:
  Layout(TapeCore& tape, std::int64_t batch) : Scratch(tape, 2 * batch), batch_(batch) {}
  Layout(TapeCore& tape, const Ids& lengths) : Layout(tape, lengths.size()) {
    for (std::int64_t b = 0; b < batch_; ++b) (*this)[b] = lengths[b];
    sort();
  }

  std::int64_t batch() const { return batch_; }
  std::span<std::int64_t> lengths() const { return {begin(), static_cast<std::size_t>(batch_)}; }
  std::span<std::int64_t> order() const { return {begin() + batch_, static_cast<std::size_t>(batch_)}; }

 private:
  // Rows of equal length stay in order.
  void sort() const {
    for (std::int64_t i = 0; i < batch_; ++i) (*this)[batch_ + i] = i;
    std::sort(begin() + batch_, end(), [this](std::int64_t a, std::int64_t b) {
      return (*this)[a] != (*this)[b] ? (*this)[a] > (*this)[b] : a < b;
    });
  }

  std::int64_t batch_;
};

}  // namespace unspool::detail
