// Gathers the kernels of one instruction set into a table. Included by the isa_*.cpp files only.
#pragma once

#include "tensor/kernels.hpp"
#include "tensor/simd/dropout.hpp"
#include "tensor/simd/elementwise.hpp"
#include "tensor/simd/gates.hpp"
#include "tensor/simd/gemm_tile.hpp"
#include "tensor/simd/optimizer.hpp"
#include "tensor/simd/reduce.hpp"
#include "tensor/simd/softmax.hpp"
#include "tensor/simd/tables.hpp"

namespace unspool::kernels::simd::UNSPOOL_SIMD {

template <class A, class T>
constexpr KernelTable<T> make_table(Isa isa) {
  return {.isa = isa,
          .exp = unary<A, T, map::Exp>,
          .expm1 = unary<A, T, map::Expm1>,
          .log = unary<A, T, map::Log>,
          .log1p = unary<A, T, map::Log1p>,
          .tanh = unary<A, T, map::Tanh>,
          .sigmoid = unary<A, T, map::Sigmoid>,
          .softplus = unary<A, T, map::Softplus>,
          .relu = unary<A, T, map::Relu>,
          .square = unary<A, T, map::Square>,
          .sqrt = unary<A, T, map::Sqrt>,
          .abs = unary<A, T, map::Abs>,
          .neg = unary<A, T, map::Neg>,
          .reciprocal = unary<A, T, map::Reciprocal>,
          .add = binary<A, T, map::Add>,
          .sub = binary<A, T, map::Sub>,
          .mul = binary<A, T, map::Mul>,
          .div = binary<A, T, map::Div>,
          .maximum = binary<A, T, map::Maximum>,
          .minimum = binary<A, T, map::Minimum>,
          .axpb = axpb<A, T>,
          .axpy = axpy<A, T>,
          .fill = fill<A, T>,
          .muladd = muladd<A, T>,
          .lerp = lerp<A, T>,
          .add_rows = add_rows<A, T>,
          .mul_rows = mul_rows<A, T>,
          .scale_rows = scale_rows<A, T>,
          .tanh_grad = unary_grad<A, T, grad::Tanh>,
          .sigmoid_grad = unary_grad<A, T, grad::Sigmoid>,
          .relu_grad = unary_grad<A, T, grad::Relu>,
          .exp_grad = unary_grad<A, T, map::Mul>,
          .mul_grad = unary_grad<A, T, map::Mul>,
          .log_grad = unary_grad<A, T, grad::Log>,
          .sqrt_grad = unary_grad<A, T, grad::Sqrt>,
          .square_grad = unary_grad<A, T, grad::Square>,
          .abs_grad = unary_grad<A, T, grad::Abs>,
          .softplus_grad = unary_grad<A, T, grad::Softplus>,
          .scale_grad = scale_grad<A, T>,
          .copy_grad = copy_grad<A, T>,
          .dropout = dropout<A, T>,
          .sum = sum<A, T>,
          .dot = dot<A, T>,
          .sum_squares = sum_squares<A, T>,
          .max = max<A, T>,
          .any_nonfinite = any_nonfinite<A, T>,
          .column_sums = column_sums<A, T>,
          .softmax = softmax<A, T>,
          .log_softmax = log_softmax<A, T>,
          .softmax_grad = softmax_grad<A, T>,
          .log_softmax_grad = log_softmax_grad<A, T>,
          .row_max = row_max<A, T>,
          .row_logsumexp = row_logsumexp<A, T>,
          .row_exp_shifted = row_exp_shifted<A, T>,
          .lstm_forward = lstm_forward<A, T>,
          .lstm_backward = lstm_backward<A, T>,
          .gru_forward = gru_forward<A, T>,
          .gru_backward = gru_backward<A, T>,
          .sgd = sgd<A, T>,
          .adam = adam<A, T>,
          .rmsprop = rmsprop<A, T>,
          .adagrad = adagrad<A, T>,
          .gemm = gemm_kernels<A, T>()};
}

}  // namespace unspool::kernels::simd::UNSPOOL_SIMD
