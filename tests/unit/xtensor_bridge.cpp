#include <doctest/doctest.h>

#include <cmath>

#include "support/caught.hpp"
#include "unspool/extend.hpp"
#include "unspool/ops.hpp"
#include "unspool/xtensor.hpp"

#if __has_include(<xtensor/containers/xtensor.hpp>)
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#include <xtensor/generators/xbuilder.hpp>
#include <xtensor/views/xstrided_view.hpp>
#include <xtensor/views/xview.hpp>
#else
#include <xtensor/xarray.hpp>
#include <xtensor/xbuilder.hpp>
#include <xtensor/xstrided_view.hpp>
#include <xtensor/xtensor.hpp>
#include <xtensor/xview.hpp>
#endif

namespace us = unspool;

namespace {

// A lazy expression over a container that belongs to the caller.
template <class E>
auto shifted(const E& x) {
  return xt::sin(x) + 1.0;
}

std::vector<float> values(const us::Var<float>& x) { return {x.values().begin(), x.values().end()}; }

}  // namespace

TEST_CASE("a tape takes xtensor containers of any rank, layout and number type") {
  us::Tape<float> tape;
  const xt::xarray<float> a = {{1, 2, 3}, {4, 5, 6}};
  const xt::xtensor<double, 2> doubles = a;
  const xt::xarray<int, xt::layout_type::column_major> columns = a;
  const xt::xtensor_fixed<float, xt::xshape<2, 3>> fixed = a;
  const std::vector<float> expected{1, 2, 3, 4, 5, 6};
  for (const us::Var x : {tape.input(a), tape.input(doubles), tape.input(columns), tape.input(fixed)}) {
    CHECK(x.shape() == us::Shape{2, 3});
    CHECK(values(x) == expected);
  }
  CHECK(tape.input(xt::xarray<float>(5.0f)).shape() == us::Shape{});
  CHECK(tape.input(xt::xarray<float>(5.0f)).item() == 5);
  CHECK(tape.input(xt::xtensor<float, 3>::from_shape({2, 0, 3})).shape() == us::Shape{2, 0, 3});
  CHECK(tape.input(a > 2.5f).values()[2] == 1);
}

TEST_CASE("lazy expressions, views and temporaries are evaluated in row-major order before the call returns") {
  us::Tape<float> tape;
  const xt::xarray<double> a = {{1, 2, 3}, {4, 5, 6}};
  const us::Var y = tape.input(shifted(a));
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(y.values()[i] == doctest::Approx(std::sin(1.0 + static_cast<double>(i)) + 1));
  CHECK(values(tape.input(xt::transpose(a))) == std::vector<float>{1, 4, 2, 5, 3, 6});
  CHECK(values(tape.input(xt::view(a, xt::all(), 1))) == std::vector<float>{2, 5});
  CHECK(values(tape.input(xt::strided_view(a, {xt::ellipsis(), xt::range(2, 0, -1)}))) ==
        std::vector<float>{3, 2, 6, 5});
  CHECK(values(tape.input(xt::xarray<float>{1, 2} + 1)) == std::vector<float>{2, 3});
  CHECK(tape.input(xt::broadcast(xt::xarray<float>{1, 2}, {3, 2})).shape() == us::Shape{3, 2});
  CHECK(values(tape.input(xt::arange<float>(3))) == std::vector<float>{0, 1, 2});
}

TEST_CASE("a contiguous part of a container is read from where it begins") {
  us::Tape<float> tape;
  const xt::xtensor<float, 2> a = {{1, 2, 3}, {4, 5, 6}};
  CHECK(values(tape.input(xt::view(a, 1, xt::all()))) == std::vector<float>{4, 5, 6});
  CHECK(values(tape.input(xt::view(a, 1))) == std::vector<float>{4, 5, 6});
  CHECK(values(tape.input(xt::view(a, xt::range(1, 2), xt::range(1, 3)))) == std::vector<float>{5, 6});
  CHECK(values(tape.input(xt::row(a, 1))) == std::vector<float>{4, 5, 6});
}

TEST_CASE("an xtensor variable has a gradient that xtensor can read in place") {
  us::Tape<double> tape;
  const xt::xarray<double> a = {{1, 2}, {3, 4}};
  const us::Var x = tape.variable(a);
  const us::Var y = x * x;
  tape.keep_grad(y);
  tape.backward(y, std::vector<double>{1, 1, 1, 2});
  CHECK(as_xtensor(y) == a * a);
  CHECK(as_xtensor_grad(x) == xt::xarray<double>{{2, 4}, {6, 16}});
  CHECK(as_xtensor_grad(y)(1, 1) == 2);
  CHECK(as_xtensor(x).data() == x.values().data());
  CHECK(as_xtensor_grad(x).data() == x.grad().data());
  CHECK(as_xtensor(tape.scalar(3))() == 3);
}

TEST_CASE("xtensor reads and writes parameters in place") {
  us::ParameterSet<float> params;
  auto& p = params.add("p", {2, 3}, us::ones());
  us::Tape<float> tape;
  const us::Var loss = tape.parameter(p) * 2;
  as_xtensor_mutable(p) *= 3;
  CHECK(p.values()[5] == 3);
  CHECK(as_xtensor(p).data() == p.values().data());
  const us::Error e = us::test::error_from([&] { tape.backward(loss, std::vector<float>(6, 1.0f)); });
  CHECK(e.code() == us::ErrorCode::parameter_changed);
  tape.reset();
  tape.backward(tape.parameter(p) * 2, std::vector<float>(6, 1.0f));
  as_xtensor_grad(p) /= 4;
  CHECK(as_xtensor_grad(p) == xt::xarray<float>{{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}});
  CHECK(p.grad()[0] == 0.5f);
}

TEST_CASE("tensors go to xtensor without a copy and come from it with one") {
  us::Tensor<double> x({2, 2}, {1, 2, 3, 4});
  us::XtensorView<double> seen = as_xtensor(x);
  seen(1, 0) = 30;
  CHECK(x[2] == 30);
  const us::Tensor<double>& fixed = x;
  CHECK(as_xtensor(fixed)(1, 0) == 30);
  const us::Tensor<float> made = us::to_tensor<float>(xt::transpose(seen) * 2);
  CHECK(made == us::Tensor<float>({2, 2}, {2, 60, 4, 8}));
}

TEST_CASE("an xtensor expression of more axes than a shape has is rejected") {
  us::Tape<float> tape;
  const xt::xarray<float> deep = xt::ones<float>({1, 1, 1, 1, 1, 1, 1, 1, 2});
  const us::Error e = us::test::error_from([&] { tape.input(deep); });
  CHECK(e.code() == us::ErrorCode::bad_shape);
  CHECK(us::test::rule_text(e) == "shape: at most 8 axes; given 9 (E002)");
  CHECK(tape.stats().nodes == 0);
}
