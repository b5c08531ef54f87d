// What a kernel writes: a new value, or one more term.
#pragma once

namespace unspool::kernels::reference {

template <class T>
void put(T& destination, T value, bool accumulate) {
  destination = accumulate ? destination + value : value;
}

}  // namespace unspool::kernels::reference
