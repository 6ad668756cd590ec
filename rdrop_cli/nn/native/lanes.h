// Vectors of float32 "lanes", one sequence of a batch in each: elementary functions, and products with a matrix.
//
// They are the vector extensions of GCC and Clang, as wide as the machine's registers. The functions are written out
// because a compiler's own come only with -ffast-math, which loses NaN, and which under GCC before 13 makes the whole
// process flush denormals to zero as soon as the library is loaded.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

// Floats in a vector; rows of a product, and of a weight gradient, whose sums fit into the machine's registers.
#if defined(__AVX512F__)
constexpr int VEC = 16, PRODUCT_ROWS = 8, GRADIENT_ROWS = 8;
#elif defined(__AVX__)
constexpr int VEC = 8, PRODUCT_ROWS = 6, GRADIENT_ROWS = 4;
#elif defined(__aarch64__)
constexpr int VEC = 4, PRODUCT_ROWS = 8, GRADIENT_ROWS = 8;
#else
constexpr int VEC = 4, PRODUCT_ROWS = 5, GRADIENT_ROWS = 5;
#endif
constexpr int LANES = 2 * VEC;  // two vectors, so that a weight once loaded is used twice
typedef float Vec __attribute__((vector_size(4 * VEC)));
typedef int32_t Ints __attribute__((vector_size(4 * VEC)));
typedef Vec Lanes[2];

struct Power {
  Vec scale, rest;  // e^x = scale + scale * rest: scale a power of two, |rest| < 0.42
};

// e^x by x = n ln 2 + f and a polynomial in f (the one of the Cephes library's expf); NaN stays NaN.
static inline Power exponential(Vec x) {
  constexpr float MAGIC = 12582912.f;  // 1.5 * 2^23: adding it rounds to an integer, found in the lowest bits
  x = x < -87.f ? Vec{} - 87.f : x;
  x = x > 87.f ? Vec{} + 87.f : x;
  Vec shifted = x * 1.44269504f + MAGIC, n = shifted - MAGIC;
  Vec f = x - n * 0.693359375f - n * -2.12194440e-4f;  // ln 2 in two parts: n times the first is exact
  Vec p = 1.9875691500e-4f * f + 1.3981999507e-3f;
  p = ((((p * f + 8.3334519073e-3f) * f + 4.1665795894e-2f) * f + 1.6666665459e-1f) * f + 5.0000001201e-1f) * f;
  return {(Vec)(((Ints)shifted - 0x4b400000 + 127) << 23), f + f * p};
}

// Within 2.5 units in the last place, and not below e^-87.
static inline Vec sigmoid(Vec x) {
  Power e = exponential(-x);
  return 1.f / ((1.f + e.scale) + e.scale * e.rest);
}

// Within 2.5 units in the last place, near zero too: by e^(2x) - 1.
static inline Vec tanh(Vec x) {
  x = x > 15.f ? Vec{} + 15.f : x;
  Power e = exponential(2.f * x);
  Vec expm1 = (e.scale - 1.f) + e.scale * e.rest;
  return expm1 / (expm1 + 2.f);
}

static inline float total(Vec v) {
  typedef float Four __attribute__((vector_size(16)));
  Four parts[VEC / 4];
  memcpy(parts, &v, sizeof v);
  for (int i = 1; i < VEC / 4; i++) parts[0] += parts[i];
  return (parts[0][0] + parts[0][1]) + (parts[0][2] + parts[0][3]);
}

// From rows of memory, `count` floats each, to lanes, and back; row(lane) gives a lane's row.
template <class Row>
static void read_lanes(int lanes, int count, const Row& row, Lanes* out) {
  for (int lane = 0; lane < lanes; lane++)
    for (int k = 0; k < count; k++) out[k][lane / VEC][lane % VEC] = row(lane)[k];
}

template <class Row>
static void write_lanes(int lanes, int count, const Lanes* in, const Row& row) {
  for (int lane = 0; lane < lanes; lane++)
    for (int k = 0; k < count; k++) row(lane)[k] = in[k][lane / VEC][lane % VEC];
}

// Calls work(first row, number of rows) for tiles as even as they can be; the number is a constant to the compiler.
template <int ROWS, int MOST, class Work>
static inline void for_each_tile(const Work& work) {
  constexpr int TILES = (ROWS + MOST - 1) / MOST, COUNT = (ROWS + TILES - 1) / TILES, LEFT = ROWS % COUNT;
  for (int row = 0; row + COUNT <= ROWS; row += COUNT) work(row, std::integral_constant<int, COUNT>{});
  if constexpr (LEFT > 0) work(ROWS - LEFT, std::integral_constant<int, LEFT>{});
}

// sum[i] += sum over k of weight[i * ROW + k * STEP] * v[k * APART]
template <int ROW, int STEP, int TERMS, int APART, int COUNT>
static inline void add_product(Lanes (&sum)[COUNT], const float* weight, const Lanes* v) {
  for (int k = 0; k < TERMS; k++)
    for (int i = 0; i < COUNT; i++) {
      float w = weight[i * ROW + k * STEP];
      sum[i][0] += w * v[k * APART][0];
      sum[i][1] += w * v[k * APART][1];
    }
}
