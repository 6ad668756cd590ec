// Vectors of float32 "lanes", one sequence of a batch in each: elementary functions, and bits that mask lanes.
//
// They use the vector extensions of GCC and Clang, as wide as the machine's registers. The functions are written out
// because a compiler's own come only with -ffast-math, which loses NaN, and which under GCC before 13 makes the whole
// process flush denormals to zero as soon as the library is loaded.
#pragma once
#include <cstdint>
#include <cstring>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE_MEMBER __attribute__((always_inline)) inline
#define INLINE static INLINE_MEMBER

// Floats in a vector; vectors in a block of sequences; units whose elementary functions are computed at once, enough to
// hide their latency; rows of a product, and rows and columns of an outer product, whose sums fit into the registers.
// A block of two vectors uses each loaded weight twice. A block of one needs half as much of the nearest cache: that is
// for AVX-512, where a multiply-add takes a weight directly from memory.
#if defined(__AVX512F__)
constexpr int VEC = 16, VECS = 1, AT_ONCE = 4, PRODUCT_ROWS = 16, OUTER_ROWS = 8, OUTER_COLUMNS = 3;
#elif defined(__AVX__)
constexpr int VEC = 8, VECS = 2, AT_ONCE = 1, PRODUCT_ROWS = 6, OUTER_ROWS = 4, OUTER_COLUMNS = 3;
#elif defined(__aarch64__)
constexpr int VEC = 4, VECS = 2, AT_ONCE = 2, PRODUCT_ROWS = 8, OUTER_ROWS = 8, OUTER_COLUMNS = 3;
#else
constexpr int VEC = 4, VECS = 2, AT_ONCE = 1, PRODUCT_ROWS = 5, OUTER_ROWS = 4, OUTER_COLUMNS = 3;
#endif
constexpr int LANES = VECS * VEC;
typedef float Vec __attribute__((vector_size(4 * VEC)));
typedef int32_t Ints __attribute__((vector_size(4 * VEC)));
typedef uint64_t Longs __attribute__((vector_size(4 * VEC)));

struct Lanes {
  Vec v[VECS];
  Vec& operator[](int i) { return v[i]; }
  const Vec& operator[](int i) const { return v[i]; }
};

static inline Vec fill(float value) { return Vec{} + value; }

// COUNT vectors. Each operation is done on all of them before the next, so long chains of operations run in parallel.
template <int COUNT>
struct Pack {
  Vec v[COUNT];

  Pack() = default;
  INLINE_MEMBER Pack(float value) {
    for (Vec& each : v) each = fill(value);
  }
  // The values of COUNT / VECS consecutive units.
  INLINE_MEMBER explicit Pack(const Lanes* from) {
    for (int i = 0; i < COUNT; i++) v[i] = from[i / VECS][i % VECS];
  }
  INLINE_MEMBER void save(Lanes* to) const {
    for (int i = 0; i < COUNT; i++) to[i / VECS][i % VECS] = v[i];
  }
  template <class Function>
  INLINE_MEMBER Pack map(const Function& function) const {
    Pack all;
    for (int i = 0; i < COUNT; i++) all.v[i] = function(v[i]);
    return all;
  }

  INLINE_MEMBER friend Pack operator+(Pack a, const Pack& b) {
    for (int i = 0; i < COUNT; i++) a.v[i] += b.v[i];
    return a;
  }
  INLINE_MEMBER friend Pack operator-(Pack a, const Pack& b) {
    for (int i = 0; i < COUNT; i++) a.v[i] -= b.v[i];
    return a;
  }
  INLINE_MEMBER friend Pack operator*(Pack a, const Pack& b) {
    for (int i = 0; i < COUNT; i++) a.v[i] *= b.v[i];
    return a;
  }
  INLINE_MEMBER Pack operator-() const {
    return map([](Vec x) { return -x; });
  }
};

// A mask on one unit in a block of sequences: one bit per lane.
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

// One bit per 64-bit word, VEC / 2 of them: whether its low 23 bits are at least `least`.
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

// Moves the high 32 bits of each word to the low ones; the new high bits are unspecified.
static inline Longs take_high(Longs words) {
#if defined(__AVX512F__)
  return (Longs)_mm512_shuffle_epi32((__m512i)words, (_MM_PERM_ENUM)0xf5);  // not on the multiplication port
#else
  return words >> 32;
#endif
}

static inline Longs xor3(Longs a, Longs b, Longs c) {
#if defined(__AVX512F__)
  return (Longs)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
#else
  return a ^ b ^ c;
#endif
}

// x limited to [-most, most]; NaN stays NaN.
template <int COUNT>
INLINE Pack<COUNT> clamp(const Pack<COUNT>& x, float most) {
#if defined(__AVX512F__)
  return x.map([=](Vec v) {
    return (Vec)_mm512_max_ps((__m512)fill(-most), _mm512_min_ps((__m512)fill(most), (__m512)v));
  });
#else
  return x.map([=](Vec v) {
    v = v < -most ? fill(-most) : v;
    return v > most ? fill(most) : v;
  });
#endif
}

template <int COUNT>
INLINE Pack<COUNT> reciprocal(const Pack<COUNT>& x) {
#if defined(__AVX512F__)
  // An estimate and one step of Newton's method: a fifth of a division's time.
  const Pack<COUNT> guess = x.map([](Vec v) { return (Vec)_mm512_rcp14_ps((__m512)v); });
  return guess + guess * (1.f - x * guess);
#else
  return x.map([](Vec v) { return 1.f / v; });
#endif
}

template <int COUNT>
struct Power {
  Pack<COUNT> scale, rest;  // e^x = scale + scale * rest: scale a power of two, |rest| < 0.42
};

// e^x = 2^n * 2^f, |f| <= 0.5, and a polynomial for (2^f - 1) / f, within 2.2e-8; for |x| up to 87. NaN stays NaN.
template <int COUNT>
INLINE Power<COUNT> exponential(const Pack<COUNT>& x) {
  constexpr float LOG2_E = 1.44269504f;
  constexpr float MAGIC = 12582912.f;  // 1.5 * 2^23: adding it rounds to an integer, found in the lowest bits
  const Pack<COUNT> shifted = x * LOG2_E + MAGIC, n = shifted - MAGIC, f = x * LOG2_E - n;
  Pack<COUNT> p = f * 1.5403512e-4f + 1.3390736e-3f;
  p = (((p * f + 9.6182375e-3f) * f + 5.5503574e-2f) * f + 0.24022650f) * f + 0.69314719f;
#if defined(__AVX512F__)
  const Pack<COUNT> scale = n.map([](Vec v) { return (Vec)_mm512_scalef_ps((__m512)fill(1.f), (__m512)v); });
#else
  const Pack<COUNT> scale = shifted.map([](Vec v) { return (Vec)(((Ints)v - 0x4b400000 + 127) << 23); });
#endif
  return {scale, f * p};
}

// Within 3 units in the last place, and not below e^-87.
template <int COUNT>
INLINE Pack<COUNT> sigmoid(const Pack<COUNT>& x) {
  const Power<COUNT> e = exponential(clamp(-x, 87.f));
  return reciprocal((1.f + e.scale) + e.scale * e.rest);
}

// Within 3 units in the last place, near zero too: by e^(2x) - 1.
template <int COUNT>
INLINE Pack<COUNT> tanh(const Pack<COUNT>& x) {
  const Power<COUNT> e = exponential(2.f * clamp(x, 15.f));
  const Pack<COUNT> expm1 = (e.scale - 1.f) + e.scale * e.rest;
  return expm1 * reciprocal(expm1 + 2.f);
}

enum Activation : int64_t { TANH, RELU };

template <int COUNT>
INLINE Pack<COUNT> activate(Activation activation, const Pack<COUNT>& x) {
  if (activation == TANH) return tanh(x);
  return x.map([](Vec v) { return v < 0.f ? Vec{} : v; });  // NaN stays NaN
}

// The derivative of an activation, from its value.
template <int COUNT>
INLINE Pack<COUNT> slope(Activation activation, const Pack<COUNT>& value) {
  if (activation == TANH) return 1.f - value * value;
  return value.map([](Vec v) { return v > 0.f ? fill(1.f) : Vec{}; });
}

// Has a value that several sums use loaded once; compilers would load it for each sum.
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

static inline float total(const Lanes& lanes) {
  Vec sum = lanes[0];
  for (int v = 1; v < VECS; v++) sum += lanes[v];
  return total(sum);
}

// The totals of COUNT vectors.
template <int COUNT>
static inline void find_totals(const Vec* v, float* totals) {
#if defined(__AVX512F__)
  // Halves of pairs are added until WIDE vectors have become one, which holds their totals in order.
  constexpr int FEW = COUNT < VEC ? COUNT : VEC, WIDE = FEW <= VEC / 2 ? VEC / 2 : VEC;
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
  __m512 part[WIDE];
  for (int i = 0; i < WIDE; i++) part[i] = i < FEW ? (__m512)v[i] : _mm512_setzero_ps();
  for (int half = WIDE / 2; half; half /= 2)
    for (int i = 0; i < half; i++)
      part[i] = _mm512_permutex2var_ps(part[i], low, part[i + half]) +
                _mm512_permutex2var_ps(part[i], high, part[i + half]);
  if (WIDE < VEC) part[0] += _mm512_shuffle_f32x4(part[0], part[0], 0x4e);  // the other half of each total
  memcpy(totals, &part[0], sizeof(float) * FEW);
  if constexpr (COUNT > VEC) find_totals<COUNT - VEC>(v + VEC, totals + VEC);
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
