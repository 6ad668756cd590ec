// One timestep of a GRU (Keras's, reset_after=True) and of an LSTM on packs of units, forward and backward.
//
//   GRU   z, r = sigmoid(x W + h R + b)   g = act(x W_h + b_h + r * q),  q = h R_h + b'_h   h' = z * h + (1 - z) * g
//   LSTM  i, f, o = sigmoid(x W + h R + b)   g = act(x W_c + h R_c + b_c)   c' = f * c + i * g   h' = o * act(c')
//
// A cell keeps in a record, row by row of `units`, its states before the step and what the backward pass needs.
#pragma once
#include <type_traits>

#include "lanes.h"

enum Site : int64_t { NOWHERE, READ, PREVIOUS, CANDIDATE, WRITTEN, UPDATE, WEIGHTS };

// The masks of recurrent dropout at one timestep, one or one per gate or state: bits[mask][units].
struct StepMasks {
  int64_t site;
  const Bits* bits;
  int64_t units;
  float kept;
};

// The masks' site and the activation, as compile-time constants for the elementwise part of a layer.
template <Site SITE, Activation ACTIVATION>
struct Kind {
  static constexpr bool UPDATES = SITE == UPDATE;
  StepMasks masks;

  template <int COUNT>
  INLINE_MEMBER Pack<COUNT> multiply(Site here, int64_t u, const Pack<COUNT>& value) const {
    return here == SITE ? value * factor<COUNT>(0, u) : value;
  }
  // The new value replaces the old one where the state's mask is 1.
  template <int COUNT>
  INLINE_MEMBER Pack<COUNT> update(int64_t state, int64_t u, const Pack<COUNT>& old, const Pack<COUNT>& value) const {
    if (!UPDATES) return value;
    const Pack<COUNT> mask = factor<COUNT>(state, u);
    return mask * value + (1.f - mask) * old;
  }
  template <int COUNT>
  INLINE_MEMBER Pack<COUNT> factor(int64_t mask, int64_t u) const {
    const Bits* bits = masks.bits + mask * masks.units + u;
    Pack<COUNT> all;
    for (int i = 0; i < COUNT; i++) all.v[i] = keep(bits[i / VECS], i % VECS, fill(masks.kept));
    return all;
  }
  template <int COUNT>
  INLINE_MEMBER static Pack<COUNT> act(const Pack<COUNT>& x) {
    return activate(ACTIVATION, x);
  }
  template <int COUNT>
  INLINE_MEMBER static Pack<COUNT> slope_of(const Pack<COUNT>& value) {
    return slope(ACTIVATION, value);
  }
};

// Calls work(kind).
template <class Work>
static inline void call_with_kind(const StepMasks& masks, int64_t activation, const Work& work) {
  auto call = [&](auto site) {
    constexpr Site SITE = decltype(site)::value;
    activation == TANH ? work(Kind<SITE, TANH>{masks}) : work(Kind<SITE, RELU>{masks});
  };
  switch (masks.site) {
    case PREVIOUS: return call(std::integral_constant<Site, PREVIOUS>{});
    case CANDIDATE: return call(std::integral_constant<Site, CANDIDATE>{});
    case WRITTEN: return call(std::integral_constant<Site, WRITTEN>{});
    case UPDATE: return call(std::integral_constant<Site, UPDATE>{});
    default: return call(std::integral_constant<Site, NOWHERE>{});  // masks on inputs of products are applied outside
  }
}

struct Gru {
  static constexpr int GATES = 3, STATES = 1, ROWS = 5, BIASES = 2;
  static constexpr int X_SUM[] = {0, 1, 2}, H_SUM[] = {0, 1, 3};  // which sum a gate's products of x and h add to
  enum { H, Z, R, Q, G };                                         // rows of a record

  // Advances the units from u on.
  template <int COUNT, class Kind>
  INLINE void advance(const Pack<COUNT> (&sum)[4], Lanes* now, Lanes* next, int64_t units, int64_t u,
                      const Kind& kind) {
    const Pack<COUNT> z = sigmoid(sum[0]), r = sigmoid(sum[1]), q = sum[3], g = kind.act(sum[2] + r * q);
    const Pack<COUNT> old(now + u), h = kind.multiply(PREVIOUS, u, old);
    const Pack<COUNT> written = z * h + (1.f - z) * kind.multiply(CANDIDATE, u, g);
    z.save(now + Z * units + u), r.save(now + R * units + u), q.save(now + Q * units + u), g.save(now + G * units + u);
    kind.update(0, u, old, kind.multiply(WRITTEN, u, written)).save(next + u);
  }

  // Computes from the gradient of the new state those of the four sums, and the part of the old state's gradient that
  // does not pass through the sums.
  template <int COUNT, class Kind>
  INLINE void differentiate(const Lanes* now, Lanes* d_state, int64_t units, int64_t u, const Kind& kind,
                            Pack<COUNT> (&delta)[4]) {
    const Pack<COUNT> z(now + Z * units + u), r(now + R * units + u), q(now + Q * units + u), g(now + G * units + u);
    const Pack<COUNT> h = kind.multiply(PREVIOUS, u, Pack<COUNT>(now + u));
    Pack<COUNT> d(d_state + u), past = 0.f;
    if (kind.UPDATES) {
      const Pack<COUNT> mask = kind.template factor<COUNT>(0, u);
      past = (1.f - mask) * d, d = mask * d;
    }
    d = kind.multiply(WRITTEN, u, d);
    const Pack<COUNT> d_g = kind.multiply(CANDIDATE, u, d * (1.f - z)) * kind.slope_of(g);
    delta[0] = d * (h - kind.multiply(CANDIDATE, u, g)) * z * (1.f - z);
    delta[1] = d_g * q * r * (1.f - r);
    delta[2] = d_g;
    delta[3] = d_g * r;
    (past + kind.multiply(PREVIOUS, u, d * z)).save(d_state + u);
  }
};

struct Lstm {
  static constexpr int GATES = 4, STATES = 2, ROWS = 7, BIASES = 1;
  static constexpr int X_SUM[] = {0, 1, 2, 3}, H_SUM[] = {0, 1, 2, 3};
  enum { H, C, I, F, G, O, Y };  // Y: act(c') before any update mask

  template <int COUNT, class Kind>
  INLINE void advance(const Pack<COUNT> (&sum)[4], Lanes* now, Lanes* next, int64_t units, int64_t u,
                      const Kind& kind) {
    const Pack<COUNT> i = sigmoid(sum[0]), f = sigmoid(sum[1]), g = kind.act(sum[2]), o = sigmoid(sum[3]);
    const Pack<COUNT> old_h(now + u), old_c(now + C * units + u);
    const Pack<COUNT> c = kind.multiply(WRITTEN, u, f * old_c + i * kind.multiply(CANDIDATE, u, g));
    const Pack<COUNT> y = kind.act(c);
    i.save(now + I * units + u), f.save(now + F * units + u), g.save(now + G * units + u), o.save(now + O * units + u);
    y.save(now + Y * units + u);
    kind.update(0, u, old_h, o * y).save(next + u);
    kind.update(1, u, old_c, c).save(next + C * units + u);
  }

  template <int COUNT, class Kind>
  INLINE void differentiate(const Lanes* now, Lanes* d_state, int64_t units, int64_t u, const Kind& kind,
                            Pack<COUNT> (&delta)[4]) {
    const Pack<COUNT> i(now + I * units + u), f(now + F * units + u), g(now + G * units + u), o(now + O * units + u);
    const Pack<COUNT> y(now + Y * units + u), old_c(now + C * units + u);
    Pack<COUNT> d_h(d_state + u), d_c(d_state + units + u), past_h = 0.f, past_c = 0.f;
    if (kind.UPDATES) {
      const Pack<COUNT> mask_h = kind.template factor<COUNT>(0, u), mask_c = kind.template factor<COUNT>(1, u);
      past_h = (1.f - mask_h) * d_h, d_h = mask_h * d_h;
      past_c = (1.f - mask_c) * d_c, d_c = mask_c * d_c;
    }
    d_c = kind.multiply(WRITTEN, u, d_c + d_h * o * kind.slope_of(y));
    delta[0] = d_c * kind.multiply(CANDIDATE, u, g) * i * (1.f - i);
    delta[1] = d_c * old_c * f * (1.f - f);
    delta[2] = kind.multiply(CANDIDATE, u, d_c * i) * kind.slope_of(g);
    delta[3] = d_h * y * o * (1.f - o);
    past_h.save(d_state + u);
    (past_c + d_c * f).save(d_state + units + u);
  }
};
