// A convolution over time, or pooling, of a block of sequences. Each output timestep reads consecutive input timesteps;
// a dense layer on a flattened window is a convolution that reads all of them at once.
#pragma once
#include "layer.h"

// The kind of a stage of network.cpp; description.py's `Kind`.
enum StageKind : int64_t { RECURRENT, CONVOLUTION, MAXIMUM, AVERAGE };

// With ReLU: the backward pass finds its slope from the outputs, even if dropout after it made them 0 or scaled them.
struct Convolution {
  LayerSpec spec;       // only features, units (its filters) and weights are used
  int64_t taps, steps;  // timesteps that each output timestep reads, and timesteps of the input
  std::vector<float> forward, back;  // packed weights
  const float* bias = nullptr;

  int64_t outputs() const { return steps - taps + 1; }

  // Takes the weights, (tap, feature, unit), and the biases after them.
  void prepare(const float* parameters, bool differentiates_x) {
    const float* kernel = parameters + spec.weights;
    bias = kernel + taps * spec.features * spec.units;
    forward.resize(taps * spec.features * spec.units);
    for_each_tile(spec.units, PRODUCT_ROWS, [&](int64_t n, int64_t count) {
      pack(kernel + n, count, 1, taps * spec.features, spec.units, &forward[n * taps * spec.features]);
    });
    if (!differentiates_x) return;
    back.resize(forward.size());
    for_each_tile(spec.features, PRODUCT_ROWS, [&](int64_t k, int64_t count) {
      float* to = &back[k * taps * spec.units];
      for (int64_t tap = 0; tap < taps; tap++)
        to = pack(kernel + (tap * spec.features + k) * spec.units, count, spec.units, spec.units, 1, to);
    });
  }

  void run(Steps x, Steps output, std::vector<Terms>& read) const {
    read.resize(taps);
    for (int64_t t = 0; t < outputs(); t++) {
      for (int64_t tap = 0; tap < taps; tap++) read[tap] = {x.at(t + tap), spec.features};
      for_each_tile<PRODUCT_ROWS>(spec.units, [&](int64_t n, auto count) {
        constexpr int COUNT = decltype(count)::value;
        Lanes sum[COUNT];
        find_products(sum, bias + n, &forward[n * taps * spec.features], read.data(), taps);
        for (int i = 0; i < COUNT; i++) {
          const Pack<VECS> value(&sum[i]);
          activate(RELU, value).save(output.at(t) + n + i);
        }
      });
    }
  }

  // Adds to the gradients of the weights and, unless d_x is null, of the input; changes d_output.
  void differentiate(Steps x, Steps output, Steps d_output, Steps d_x, std::vector<Terms>& read,
                     std::vector<Lanes>& tile, float* gradients) const {
    for (int64_t t = 0; t < outputs(); t++)
      for (int64_t n = 0; n < spec.units; n++) {
        const Pack<VECS> value(output.at(t) + n), given(d_output.at(t) + n);
        (given * slope(RELU, value)).save(d_output.at(t) + n);
      }
    float* kernel = gradients + spec.weights;
    add_sums(outputs(), d_output, spec.units, kernel + taps * spec.features * spec.units, nullptr);
    tile.resize(CHUNK * OUTER_ROWS);
    for (int64_t first = 0; first < outputs(); first += CHUNK)
      for (int64_t tap = 0; tap < taps; tap++) {
        const Steps delta = {d_output.at(first), d_output.stride};
        auto find = [&](int64_t j) { return MaskedRows{x.at(first + j + tap), {nullptr, 0, spec.features, 1}}; };
        add_outer(std::min<int64_t>(CHUNK, outputs() - first), spec.features, find, tile.data(), &delta, 0, 1,
                  spec.units, kernel + tap * spec.features * spec.units, spec.units);
      }
    if (d_x.data) project_back_to(d_x, d_output, read);
  }

 private:
  void project_back_to(Steps d_x, Steps d_output, std::vector<Terms>& read) const {
    read.resize(taps);
    for (int64_t t = 0; t < steps; t++) {
      const int64_t first = std::max<int64_t>(0, t - outputs() + 1), count = std::min(taps - 1, t) - first + 1;
      for (int64_t i = 0; i < count; i++) read[i] = {d_output.at(t - first - i), spec.units};
      for_each_tile<PRODUCT_ROWS>(spec.features, [&](int64_t k, auto rows) {
        constexpr int ROWS = decltype(rows)::value;
        Lanes sum[ROWS];
        find_products(sum, nullptr, &back[k * taps * spec.units + first * spec.units * ROWS], read.data(), count);
        for (int i = 0; i < ROWS; i++)
          for (int v = 0; v < VECS; v++) d_x.at(t)[k + i][v] += sum[i][v];
      });
    }
  }
};

// The maximum, or the average, of consecutive timesteps; a remainder at the end is not read.
struct Pooling {
  bool average;
  int64_t features, taps, steps;

  void run(Steps x, Steps output) const {
    for (int64_t t = 0; t < steps / taps; t++)
      for (int64_t k = 0; k < features; k++) {
        Lanes& out = output.at(t)[k];
        out = x.at(t * taps)[k];
        for (int64_t tap = 1; tap < taps; tap++)
          for (int v = 0; v < VECS; v++) {
            const Vec value = x.at(t * taps + tap)[k][v];
            out[v] = average ? out[v] + value : value > out[v] ? value : out[v];
          }
        for (int v = 0; average && v < VECS; v++) out[v] *= 1.f / taps;
      }
  }

  // The gradient of a maximum goes to the first of equal values.
  void differentiate(Steps x, Steps d_output, Steps d_x) const {
    for (int64_t t = 0; d_x.data && t < steps / taps; t++)
      for (int64_t k = 0; k < features; k++)
        for (int v = 0; v < VECS; v++) {
          const Vec given = d_output.at(t)[k][v];
          auto at = [&](Steps in, int64_t tap) -> Vec& { return in.at(t * taps + tap)[k][v]; };
          if (average)
            for (int64_t tap = 0; tap < taps; tap++) at(d_x, tap) += given * (1.f / taps);
          else
            give_to_first_largest(given, [&](int64_t tap) -> Vec& { return at(x, tap); },
                                  [&](int64_t tap) -> Vec& { return at(d_x, tap); });
        }
  }

 private:
  template <class Read, class Write>
  void give_to_first_largest(Vec given, const Read& x, const Write& d_x) const {
    Vec largest = x(0);
    for (int64_t tap = 1; tap < taps; tap++) largest = x(tap) > largest ? x(tap) : largest;
    for (int64_t tap = 0; tap < taps; tap++) {
      const auto is_largest = x(tap) == largest;
      d_x(tap) += is_largest ? given : Vec{};
      given = is_largest ? Vec{} : given;
    }
  }
};
