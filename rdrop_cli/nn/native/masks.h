// Masks as TensorFlow draws them: the bits of tf.random.stateless_uniform(alg="philox"), computed where they are used.
//
// Philox 4x32-10 (Salmon et al. 2011) makes four words from a counter; element e of a tensor is word e % 4 of counter
// e / 4. A mask is 1 where the low 23 bits of its word, as a fraction, are at least the rate.
#pragma once
#include <cmath>

#include "lanes.h"

constexpr uint32_t PHILOX_A = 0xD2511F53, PHILOX_B = 0xCD9E8D57, WEYL_A = 0x9E3779B9, WEYL_B = 0xBB67AE85;

// Key and upper half of the counters of one tensor.
struct Generator {
  uint32_t key[2], high[2];

  // Scrambles the two words of a stateless seed as TensorFlow does.
  static Generator from_seed(uint64_t first, uint64_t second) {
    Generator scramble = {{0x3ec8f720, 0x02461e29}, {(uint32_t)second, (uint32_t)(second >> 32)}};
    uint32_t mix[4];
    scramble.draw(first, mix);
    return {{mix[0], mix[1]}, {mix[2], mix[3]}};
  }

  void draw(uint64_t counter, uint32_t* words) const {
    uint32_t a = counter, b = counter >> 32, c = high[0], d = high[1], k = key[0], l = key[1];
    for (int round = 0; round < 10; round++, k += WEYL_A, l += WEYL_B) {
      uint64_t p = (uint64_t)PHILOX_A * a, q = (uint64_t)PHILOX_B * c;
      a = (uint32_t)(q >> 32) ^ b ^ k, b = q, c = (uint32_t)(p >> 32) ^ d ^ l, d = p;
    }
    words[0] = a, words[1] = b, words[2] = c, words[3] = d;
  }

  // The same for COUNT times VEC / 2 counters, in COUNT parallel chains; each word is in the low half of 64 bits.
  template <int COUNT>
  void draw(const Longs (&counter)[COUNT], Longs (&words)[COUNT][4]) const {
    for (int i = 0; i < COUNT; i++)
      words[i][0] = counter[i], words[i][1] = counter[i] >> 32, words[i][2] = Longs{} + high[0],
      words[i][3] = Longs{} + high[1];
    uint32_t k = key[0], l = key[1];
    for (int round = 0; round < 10; round++, k += WEYL_A, l += WEYL_B)
      for (auto& [a, b, c, d] : words) {
        Longs p = multiply_low(a, PHILOX_A), q = multiply_low(c, PHILOX_B);
        a = xor3(take_high(q), b, Longs{} + k), b = q, c = xor3(take_high(p), d, Longs{} + l), d = p;
      }
  }
};

// `count` masks that a training call draws, one seed each; description.py's `Masks`.
struct MaskSpec {
  int64_t stream, first, count;  // seed i of step s is (stream, s * DRAWS_PER_STEP + first + i), as Keras reduces it
  double rate, kept, average;    // 0 with probability `rate`, else `kept`; `average` in inference if that is not 1

  Generator generator(int64_t step, int64_t i) const {
    constexpr int64_t DRAWS_PER_STEP = 1 << 12, MODULUS = INT32_MAX - 1;
    return Generator::from_seed(stream % MODULUS, (step * DRAWS_PER_STEP + first + i) % MODULUS);
  }
  uint64_t least() const { return std::ceil((double)(float)rate * (1 << 23)); }
};

// The samples of a batch that are in the lanes of a block; the last sample of the batch pads its block.
struct Samples {
  int64_t first, size;
  const int64_t* draws = nullptr;  // (size,): the sample whose masks each has instead of its own
  int lanes() const { return size - first < LANES ? size - first : LANES; }
  int64_t at(int lane) const { return first + (lane < lanes() ? lane : lanes() - 1); }
  int64_t draw(int lane) const { return draws ? draws[at(lane)] : at(lane); }
};

// Bits of elements [start, start + count) of a mask, for each lane's start.
static inline void draw_bits(const Generator& generator, uint64_t least, int64_t count, const int64_t* start,
                             Bits* bits) {
  constexpr int HALF = VEC / 2, PARTS = LANES / HALF, TOGETHER = PARTS < 4 ? 4 / PARTS : 1;
  Longs group[PARTS];
  memcpy(group, start, sizeof group);
  for (Longs& part : group) part /= 4;
  Bits begins_at[4] = {};  // lanes by the word of a group at which they start
  for (int lane = 0; lane < LANES; lane++) begins_at[start[lane] % 4] |= 1u << lane;
  memset(bits, 0, count * sizeof *bits);
  const int64_t end = begins_at[0] == ALL_LANES ? count : count + 3;
  for (int64_t element = 0; element < end; element += 4 * TOGETHER) {
    Longs counter[TOGETHER * PARTS], words[TOGETHER * PARTS][4];
    for (int i = 0; i < TOGETHER * PARTS; i++) counter[i] = group[i % PARTS] + (uint64_t)(element / 4 + i / PARTS);
    generator.draw(counter, words);
    Bits large[4 * TOGETHER] = {};
    for (int i = 0; i < TOGETHER * PARTS; i++)
      for (int word = 0; word < 4; word++)
        large[i / PARTS * 4 + word] |= find_large(words[i][word], least) << (i % PARTS * HALF);
    for (int begin = 0; begin < 4; begin++)
      if (begins_at[begin])
        for (int word = 0; word < 4 * TOGETHER; word++) {
          int64_t u = element + word - begin;
          if (u >= 0 && u < count) bits[u] |= large[word] & begins_at[begin];
        }
  }
}

// Draws each of the spec's masks, (sample, timesteps, count) in TensorFlow, at one timestep: bits[mask][count].
static inline void draw_masks(const MaskSpec& spec, int64_t step, const Samples& samples, int64_t timesteps, int64_t t,
                              int64_t count, Bits* bits) {
  alignas(64) int64_t start[LANES];
  for (int lane = 0; lane < LANES; lane++) start[lane] = (samples.draw(lane) * timesteps + t) * count;
  for (int64_t i = 0; i < spec.count; i++)
    draw_bits(spec.generator(step, i), spec.least(), count, start, bits + i * count);
}

// Draws a mask that the batch shares, element by element: scale[e] is 0 or `kept`.
static inline void draw_shared_mask(const MaskSpec& spec, int64_t step, int64_t i, int64_t count, float* scale) {
  Generator generator = spec.generator(step, i);
  uint32_t words[4], least = spec.least();
  for (int64_t e = 0; e < count; e++) {
    if (e % 4 == 0) generator.draw(e / 4, words);
    scale[e] = (words[e % 4] & 0x7fffff) >= least ? (float)spec.kept : 0.f;
  }
}
