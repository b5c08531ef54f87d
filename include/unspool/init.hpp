// Initialisers of parameters: plain values that say which distribution, with the source of each formula.
#pragma once

#include <cstdint>

#include "unspool/export.hpp"

namespace unspool {

/// How a parameter starts. fan_in is the extent of the last axis and fan_out that of the first (PyTorch's weight
/// layout, [out, in]); more axes in between multiply both.
struct Init {
  enum class Kind : std::uint8_t {
    constant,
    uniform,
    normal,
    xavier_uniform,
    xavier_normal,
    kaiming_uniform,
    kaiming_normal,
    orthogonal,
    identity,
    spectral
  };
  Kind kind = Kind::constant;
  double a = 0;  ///< constant: value; uniform: low; normal: mean; kaiming: negative slope; the others: gain
  double b = 0;  ///< uniform: high; normal: standard deviation; spectral: density
};

/// Every value 0.
constexpr Init zeros() { return {Init::Kind::constant, 0, 0}; }
/// Every value 1.
constexpr Init ones() { return {Init::Kind::constant, 1, 0}; }
/// Every value the same.
constexpr Init constant(double value) { return {Init::Kind::constant, value, 0}; }
/// Uniform in [low, high).
constexpr Init uniform(double low, double high) { return {Init::Kind::uniform, low, high}; }
/// Normal with the given mean and standard deviation.
constexpr Init normal(double mean = 0, double deviation = 1) { return {Init::Kind::normal, mean, deviation}; }
/// Uniform in ±gain·sqrt(6/(fan_in+fan_out)): Glorot and Bengio, AISTATS 2010, eq. 16.
constexpr Init xavier_uniform(double gain = 1) { return {Init::Kind::xavier_uniform, gain, 0}; }
/// Normal with deviation gain·sqrt(2/(fan_in+fan_out)); the same source, eq. 12.
constexpr Init xavier_normal(double gain = 1) { return {Init::Kind::xavier_normal, gain, 0}; }
/// Uniform in ±sqrt(6/((1+slope²)·fan_in)): He et al., ICCV 2015, eq. 14 (leaky slope; 0 for relu).
constexpr Init kaiming_uniform(double slope = 0) { return {Init::Kind::kaiming_uniform, slope, 0}; }
/// Normal with deviation sqrt(2/((1+slope²)·fan_in)); the same source.
constexpr Init kaiming_normal(double slope = 0) { return {Init::Kind::kaiming_normal, slope, 0}; }
/// gain times a matrix with orthonormal rows or columns, uniform over such matrices: the Q of a Gaussian matrix with
/// the signs of R's diagonal (Saxe et al., ICLR 2014; Mezzadri, Notices AMS 54(5), 2007). Needs rank 2 or more.
constexpr Init orthogonal(double gain = 1) { return {Init::Kind::orthogonal, gain, 0}; }
/// gain times the identity (Le, Jaitly and Hinton, arXiv:1504.00941). Needs rank 2.
constexpr Init identity(double gain = 1) { return {Init::Kind::identity, gain, 0}; }
/// A reservoir: a square matrix of which a share of `density` is uniform in -1..1 and the rest 0, scaled so that its
/// largest eigenvalue has the magnitude `radius` (Jaeger, GMD report 148, 2001, section 3). Throws bad_argument where
/// all eigenvalues are 0, as in a matrix too sparse to have a cycle. Takes time as the cube of the extent.
constexpr Init spectral(double radius, double density = 1) { return {Init::Kind::spectral, radius, density}; }

}  // namespace unspool
