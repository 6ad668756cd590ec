// The minimum cost of a network's arithmetic: multiply-adds at the core's peak rate, and activations.
#pragma once
#include "lanes.h"

// Keeps the compiler from predicting a value or removing it.
static inline void pin(Vec& value) {
#if defined(__x86_64__)
  asm volatile("" : "+x"(value));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(value));
#else
  asm volatile("" : "+m"(value));
#endif
}

// Does at least `count` multiply-adds, in enough independent sums to hide the latency.
static inline void work_multiply_adds(int64_t count) {
  constexpr int SUMS = 12;
  Vec sum[SUMS] = {}, factor = fill(0.5f), term = fill(1.f);
  pin(factor), pin(term);
  for (int64_t i = 0; i < count; i += SUMS * VEC)
    for (Vec& s : sum) s = s * factor + term, pin(s);
}

// Computes at least this many activations, as many at once as the cells do.
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
