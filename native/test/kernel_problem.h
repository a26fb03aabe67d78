// A verification problem with the memory it lives in, and the ways to fill it.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/cpu.h"
#include "kernels/kernels.h"

namespace sjd2::test {

// The rows that a sampler meets, and the ones that break one.
enum class Shape {
  Normal,   // an untrained or unsure model
  Peaked,   // nearly all mass on one token
  Flat,     // every logit equal: every cut is a tie
  Nearly,   // differences near the rounding of a float
  Masked,   // nine tokens of ten at -inf, the same ones in both rows
  Ties,     // multiples of one half
  Extreme,  // magnitudes up to 10^4
  Sorted,   // a ramp: what a sample of the row says about it is biased
};
inline constexpr Shape kShapes[] = {Shape::Normal, Shape::Peaked, Shape::Flat,    Shape::Nearly,
                                    Shape::Masked, Shape::Ties,   Shape::Extreme, Shape::Sorted};

inline constexpr Coupling kCouplings[] = {Coupling::Independent, Coupling::Maximal,
                                          Coupling::Gumbel};
inline constexpr ElementType kTypes[] = {ElementType::F32, ElementType::F16, ElementType::BF16};

// The reference and every instruction set that this machine can run.
const std::vector<cpu::Target>& implementations();

uint16_t to_f16(float value);   // rounds to nearest even
uint16_t to_bf16(float value);  // truncates: any bfloat16 will do

struct Problem {
  // As in VerifyArgs; `args()` points it at the vectors below.
  VerifyArgs settings;
  std::string name;

  std::vector<float> logits;  // rounded to settings.type
  std::vector<uint16_t> half;
  std::vector<int32_t> drafts, level;
  std::vector<float> laws;
  std::vector<float> scratch;
  std::vector<uint8_t> kept;

  // Values in `logits` reach the kernel as elements of settings.type.
  void store_logits();
  VerifyArgs args();
};

struct Outcome {
  VerifyResult result;
  std::vector<int32_t> drafts;
  std::vector<uint8_t> kept;
  std::vector<float> laws;
};

// A window of `count` positions with a capacity that makes it wrap around, random drafts and laws
// (drafts drawn from them; one in eight missing), random levels.
Problem random_problem(Shape shape, ElementType type, int32_t rows, int32_t count,
                       int32_t vocabulary, uint64_t seed);

// How much of a law is cut off.
struct Cut {
  float temperature;
  int32_t top_k;
  float top_p;
};

// Judges a random problem of every vocabulary, count, shape, cut, type and coupling; one or two
// rows, and with Gumbel coupling the presence of laws, change from one to the next.
void sweep(const std::vector<int32_t>& vocabularies, const std::vector<int32_t>& counts,
           const std::vector<Cut>& cuts,
           const std::function<void(const Problem& problem, uint64_t seed)>& judge);

// Runs on copies: `problem` stays as it is.
Outcome run_verify(const Kernels& kernels, Problem problem);

// A law over `vocabulary` tokens and a token drawn from it.
std::vector<float> random_law(std::mt19937_64& random, int32_t vocabulary);
int32_t draw_from(const float* law, int32_t vocabulary, std::mt19937_64& random);

}  // namespace sjd2::test
