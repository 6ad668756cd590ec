// One timestep of a GRU (Keras's, reset_after=True) and of an LSTM on a vector of lanes, forward and backward.
//
//   GRU   z, r = sigmoid(x W + h R + b)   g = act(x W_h + b_h + r * q),  q = h R_h + b'_h   h' = z * h + (1 - z) * g
//   LSTM  i, f, o = sigmoid(x W + h R + b)   g = act(x W_c + h R_c + b_c)   c' = f * c + i * g   h' = o * act(c')
//
// A cell keeps in a record, row by row of `units`, its states before the step and what the backward pass needs.
#pragma once
#include "lanes.h"

enum Site : int64_t { NOWHERE, READ, PREVIOUS, CANDIDATE, WRITTEN, UPDATE, WEIGHTS };

// The masks of recurrent dropout at one timestep, one or one per gate or state: bits[mask][units].
struct StepMasks {
  int64_t site;
  const Bits* bits;
  int64_t units;
  float kept;

  Vec multiply(int64_t here, int64_t u, int v, Vec value) const {
    return here == site ? keep(bits[u], v, value * kept) : value;
  }
  // Where a state's mask is 1 the new value takes the old one's place.
  Vec update(int64_t state, int64_t u, int v, Vec old, Vec value) const {
    if (site != UPDATE) return value;
    Vec mask = factor(state, u, v);
    return mask * value + (1.f - mask) * old;
  }
  Vec factor(int64_t mask, int64_t u, int v) const { return keep(bits[mask * units + u], v, fill(kept)); }
};

struct Gru {
  static constexpr int GATES = 3, STATES = 1, ROWS = 5, BIASES = 2;
  static constexpr int X_SUM[] = {0, 1, 2}, H_SUM[] = {0, 1, 3};  // which sum a gate's products of x and h add to
  enum { H, Z, R, Q, G };                                         // rows of a record

  INLINE void advance(const Vec (&sum)[4], Lanes* now, Lanes* next, int64_t units, int64_t u, int v,
                      const StepMasks& masks, int64_t activation) {
    Vec z = sigmoid(sum[0]), r = sigmoid(sum[1]), q = sum[3], g = activate(activation, sum[2] + r * q);
    now[Z * units + u][v] = z, now[R * units + u][v] = r, now[Q * units + u][v] = q, now[G * units + u][v] = g;
    Vec old = now[u][v], h = masks.multiply(PREVIOUS, u, v, old);
    Vec written = z * h + (1.f - z) * masks.multiply(CANDIDATE, u, v, g);
    next[u][v] = masks.update(0, u, v, old, masks.multiply(WRITTEN, u, v, written));
  }

  // From the gradient of the new state to those of the four sums, and to what passes to the old state past the gates.
  INLINE void differentiate(const Lanes* now, Lanes* d_state, int64_t units, int64_t u, int v, const StepMasks& masks,
                            int64_t activation, Vec (&delta)[4]) {
    Vec z = now[Z * units + u][v], r = now[R * units + u][v], q = now[Q * units + u][v], g = now[G * units + u][v];
    Vec h = masks.multiply(PREVIOUS, u, v, now[u][v]), d = d_state[u][v], past = {};
    if (masks.site == UPDATE) {
      Vec mask = masks.factor(0, u, v);
      past = (1.f - mask) * d, d = mask * d;
    }
    d = masks.multiply(WRITTEN, u, v, d);
    Vec d_g = masks.multiply(CANDIDATE, u, v, d * (1.f - z)) * slope(activation, g);
    delta[0] = d * (h - masks.multiply(CANDIDATE, u, v, g)) * z * (1.f - z);
    delta[1] = d_g * q * r * (1.f - r);
    delta[2] = d_g;
    delta[3] = d_g * r;
    d_state[u][v] = past + masks.multiply(PREVIOUS, u, v, d * z);
  }
};

struct Lstm {
  static constexpr int GATES = 4, STATES = 2, ROWS = 7, BIASES = 1;
  static constexpr int X_SUM[] = {0, 1, 2, 3}, H_SUM[] = {0, 1, 2, 3};
  enum { H, C, I, F, G, O, Y };  // Y: act(c') before any update mask

  INLINE void advance(const Vec (&sum)[4], Lanes* now, Lanes* next, int64_t units, int64_t u, int v,
                      const StepMasks& masks, int64_t activation) {
    Vec i = sigmoid(sum[0]), f = sigmoid(sum[1]), g = activate(activation, sum[2]), o = sigmoid(sum[3]);
    Vec old_h = now[u][v], old_c = now[C * units + u][v];
    Vec c = masks.multiply(WRITTEN, u, v, f * old_c + i * masks.multiply(CANDIDATE, u, v, g));
    Vec y = activate(activation, c);
    now[I * units + u][v] = i, now[F * units + u][v] = f, now[G * units + u][v] = g, now[O * units + u][v] = o;
    now[Y * units + u][v] = y;
    next[u][v] = masks.update(0, u, v, old_h, o * y);
    next[C * units + u][v] = masks.update(1, u, v, old_c, c);
  }

  INLINE void differentiate(const Lanes* now, Lanes* d_state, int64_t units, int64_t u, int v, const StepMasks& masks,
                            int64_t activation, Vec (&delta)[4]) {
    Vec i = now[I * units + u][v], f = now[F * units + u][v], g = now[G * units + u][v], o = now[O * units + u][v];
    Vec y = now[Y * units + u][v], d_h = d_state[u][v], d_c = d_state[units + u][v], past_h = {}, past_c = {};
    if (masks.site == UPDATE) {
      Vec mask_h = masks.factor(0, u, v), mask_c = masks.factor(1, u, v);
      past_h = (1.f - mask_h) * d_h, d_h = mask_h * d_h;
      past_c = (1.f - mask_c) * d_c, d_c = mask_c * d_c;
    }
    d_c = masks.multiply(WRITTEN, u, v, d_c + d_h * o * slope(activation, y));
    delta[0] = d_c * masks.multiply(CANDIDATE, u, v, g) * i * (1.f - i);
    delta[1] = d_c * now[C * units + u][v] * f * (1.f - f);
    delta[2] = masks.multiply(CANDIDATE, u, v, d_c * i) * slope(activation, g);
    delta[3] = d_h * y * o * (1.f - o);
    d_state[u][v] = past_h;
    d_state[units + u][v] = past_c + d_c * f;
  }
};
