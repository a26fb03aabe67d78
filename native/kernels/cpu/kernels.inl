// The kernels over any target's vectors, in the order in which they build on each other.
// clang-format off
#include "math.inl"
#include "scan.inl"
#include "cut.inl"
#include "law.inl"
#include "gumbel.inl"
#include "verify.inl"
#include "noise.inl"
#include "refine.inl"
// clang-format on

const Kernels kernels{enter, noise, verify, refine};
