// Vectors of float32 "lanes", one sequence of a batch in each: elementary functions, and bits that mask lanes.
//
// They are the vector extensions of GCC and Clang, as wide as the machine's registers. The functions are written out
// because a compiler's own come only with -ffast-math, which loses NaN, and which under GCC before 13 makes the whole
// process flush denormals to zero as soon as the library is loaded.
#pragma once
#include <cstdint>
#include <cstring>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

// Floats in a vector; rows of a product, and rows and columns of an outer product, whose sums fit into the registers.
#if defined(__AVX512F__)
constexpr int VEC = 16, PRODUCT_ROWS = 8, OUTER_ROWS = 8, OUTER_COLUMNS = 3;
#elif defined(__AVX__)
constexpr int VEC = 8, PRODUCT_ROWS = 6, OUTER_ROWS = 4, OUTER_COLUMNS = 3;
#elif defined(__aarch64__)
constexpr int VEC = 4, PRODUCT_ROWS = 8, OUTER_ROWS = 8, OUTER_COLUMNS = 3;
#else
constexpr int VEC = 4, PRODUCT_ROWS = 5, OUTER_ROWS = 4, OUTER_COLUMNS = 3;
#endif
constexpr int LANES = 2 * VEC;  // two vectors, so that a weight once loaded is used twice
typedef float Vec __attribute__((vector_size(4 * VEC)));
typedef int32_t Ints __attribute__((vector_size(4 * VEC)));
typedef uint64_t Longs __attribute__((vector_size(4 * VEC)));

struct Lanes {
  Vec v[2];
  Vec& operator[](int i) { return v[i]; }
  const Vec& operator[](int i) const { return v[i]; }
};

static inline Vec fill(float value) { return Vec{} + value; }

// One bit for each lane: of a mask on a unit in a block of sequences.
typedef uint32_t Bits;
constexpr Bits ALL_LANES = LANES == 32 ? ~0u : (1u << LANES) - 1;

// `value` in the lanes of vector v whose bit is set, 0 in the others.
INLINE Vec keep(Bits bits, int v, Vec value) {
#if defined(__AVX512F__)
  return (Vec)_mm512_maskz_mov_ps((__mmask16)(bits >> (v * VEC)), (__m512)value);
#else
  Ints lane;
  for (int i = 0; i < VEC; i++) lane[i] = 1 << i;
  return (((Ints{} + (int)(bits >> (v * VEC))) & lane) != 0) ? value : Vec{};
#endif
}

// The lanes, of the VEC / 2 that 64-bit words stand for, whose low 32 bits, cut to 23, are at least `least`.
static inline Bits find_large(Longs words, uint64_t least) {
  words &= 0x7fffff;
#if defined(__AVX512F__)
  return _mm512_cmpge_epu64_mask((__m512i)words, (__m512i)(Longs{} + least));
#else
  Bits bits = 0;
  for (int i = 0; i < VEC / 2; i++) bits |= (Bits)(words[i] >= least) << i;
  return bits;
#endif
}

// The products of the low 32 bits of each word with a number, 64 bits each.
static inline Longs multiply_low(Longs words, uint32_t by) {
#if defined(__AVX512F__)
  return (Longs)_mm512_mul_epu32((__m512i)words, _mm512_set1_epi64(by));
#elif defined(__AVX2__)
  return (Longs)_mm256_mul_epu32((__m256i)words, _mm256_set1_epi64x(by));
#elif defined(__SSE2__) && !defined(__AVX__)
  return (Longs)_mm_mul_epu32((__m128i)words, _mm_set1_epi64x(by));
#else
  return (words & 0xffffffff) * by;
#endif
}

// x, but not outside [-most, most]; NaN stays NaN.
INLINE Vec clamp(Vec x, float most) {
#if defined(__AVX512F__)
  return (Vec)_mm512_max_ps((__m512)fill(-most), _mm512_min_ps((__m512)fill(most), (__m512)x));
#else
  x = x < -most ? fill(-most) : x;
  return x > most ? fill(most) : x;
#endif
}

static inline Longs xor3(Longs a, Longs b, Longs c) {
#if defined(__AVX512F__)
  return (Longs)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
#else
  return a ^ b ^ c;
#endif
}

INLINE Vec reciprocal(Vec x) {
#if defined(__AVX512F__)
  Vec guess = (Vec)_mm512_rcp14_ps((__m512)x);  // a fifth of a division's time, with a step of Newton's
  return guess + guess * (1.f - x * guess);
#else
  return 1.f / x;
#endif
}

struct Power {
  Vec scale, rest;  // e^x = scale + scale * rest: scale a power of two, |rest| < 0.42
};

// e^x by x = n ln 2 + f and a polynomial in f (the one of the Cephes library's expf), for |x| up to 87; NaN stays NaN.
INLINE Power exponential(Vec x) {
  constexpr float MAGIC = 12582912.f;  // 1.5 * 2^23: adding it rounds to an integer, found in the lowest bits
  Vec shifted = x * 1.44269504f + MAGIC, n = shifted - MAGIC;
  Vec f = x - n * 0.693359375f - n * -2.12194440e-4f;  // ln 2 in two parts: n times the first is exact
  Vec p = 1.9875691500e-4f * f + 1.3981999507e-3f;
  p = ((((p * f + 8.3334519073e-3f) * f + 4.1665795894e-2f) * f + 1.6666665459e-1f) * f + 5.0000001201e-1f) * f;
#if defined(__AVX512F__)
  Vec scale = (Vec)_mm512_scalef_ps((__m512)fill(1.f), (__m512)n);
#else
  Vec scale = (Vec)(((Ints)shifted - 0x4b400000 + 127) << 23);
#endif
  return {scale, f + f * p};
}

// Within 3 units in the last place, and not below e^-87.
INLINE Vec sigmoid(Vec x) {
  Power e = exponential(clamp(-x, 87.f));
  return reciprocal((1.f + e.scale) + e.scale * e.rest);
}

// Within 3 units in the last place, near zero too: by e^(2x) - 1.
INLINE Vec tanh(Vec x) {
  Power e = exponential(2.f * clamp(x, 15.f));
  Vec expm1 = (e.scale - 1.f) + e.scale * e.rest;
  return expm1 * reciprocal(expm1 + 2.f);
}

enum Activation : int64_t { TANH, RELU };

INLINE Vec activate(int64_t activation, Vec x) {
  return activation == TANH ? tanh(x) : x < 0.f ? Vec{} : x;  // NaN stays NaN
}

// The derivative of an activation, from its value.
INLINE Vec slope(int64_t activation, Vec value) {
  return activation == TANH ? 1.f - value * value : value > 0.f ? fill(1.f) : Vec{};
}

// A value that several sums take: loaded once, where compilers would rather load it for each.
static inline Vec in_register(Vec value) {
#if defined(__AVX512F__)
  asm("" : "+v"(value));
#endif
  return value;
}

static inline float total(Vec v) {
  typedef float Four __attribute__((vector_size(16)));
  Four parts[VEC / 4];
  memcpy(parts, &v, sizeof v);
  for (int i = 1; i < VEC / 4; i++) parts[0] += parts[i];
  return (parts[0][0] + parts[0][1]) + (parts[0][2] + parts[0][3]);
}

// The totals of COUNT vectors.
template <int COUNT>
static inline void find_totals(const Vec* v, float* totals) {
#if defined(__AVX512F__)
  // Halves of pairs are added until 16 vectors have become one, their totals in their order.
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
  for (int first = 0; first < COUNT; first += VEC) {
    __m512 part[VEC];
    for (int i = 0; i < VEC; i++) part[i] = first + i < COUNT ? (__m512)v[first + i] : _mm512_setzero_ps();
    for (int half = VEC / 2; half; half /= 2)
      for (int i = 0; i < half; i++)
        part[i] = _mm512_permutex2var_ps(part[i], low, part[i + half]) +
                  _mm512_permutex2var_ps(part[i], high, part[i + half]);
    memcpy(totals + first, &part[0], sizeof(float) * (COUNT - first < VEC ? COUNT - first : VEC));
  }
#else
  for (int i = 0; i < COUNT; i++) totals[i] = total(v[i]);
#endif
}

// Timesteps of lanes in memory, `stride` apart.
struct Steps {
  Lanes* data;
  int64_t stride;
  Lanes* at(int64_t t) const { return data + t * stride; }
};

// An odd number of lanes: successive timesteps of an even one may all fall on the same few sets of the cache.
static inline int64_t pad(int64_t lanes) { return lanes | 1; }
