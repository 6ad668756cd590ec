// What a network's arithmetic costs at the least: multiply-adds at the peak of the core, and activations.
#pragma once
#include "lanes.h"

// A value that the compiler can neither foresee nor drop.
static inline void pin(Vec& value) {
#if defined(__x86_64__)
  asm volatile("" : "+x"(value));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(value));
#else
  asm volatile("" : "+m"(value));
#endif
}

// At least `count` multiply-adds, in as many independent sums as the latency of one needs.
static inline void work_multiply_adds(int64_t count) {
  constexpr int SUMS = 12;
  Vec sum[SUMS] = {}, factor = fill(0.5f), term = fill(1.f);
  pin(factor), pin(term);
  for (int64_t i = 0; i < count; i += SUMS * VEC)
    for (Vec& s : sum) s = s * factor + term, pin(s);
}

// At least as many activations, as many at once as the cells compute.
static inline void work_activations(int64_t sigmoids, int64_t tanhs) {
  typedef Pack<AT_ONCE * VECS> Values;
  Values x = 0.f;
  auto work = [&](int64_t count, auto activation) {
    for (int64_t i = 0; i < count; i += AT_ONCE * LANES) {
      for (Vec& value : x.v) pin(value);
      Values y = activation(x);
      for (Vec& value : y.v) pin(value);
    }
  };
  work(sigmoids, [](const Values& v) { return sigmoid(v); });
  work(tanhs, [](const Values& v) { return tanh(v); });
}
