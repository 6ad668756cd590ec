// The dense units, each of which gives a forecast, and their mean loss over a batch.
#pragma once
#include <cmath>
#include <vector>

#include "masks.h"

// description.py's `Dense`.
struct DenseSpec {
  int64_t weights;  // their index in the network's parameters: (width, outputs), then the biases
  int64_t outputs;
  int64_t squares;    // whether the loss is the mean squared instead of the mean absolute error
  int64_t quantiles;  // number of outputs per target if the loss is the pinball loss at these levels, else 0
  const float* levels;
};

// The outputs of a block and their gradients.
struct DenseRoom {
  std::vector<Lanes> y, d_y;
};

struct Dense {
  DenseSpec spec;
  int64_t width;  // of their input

  int64_t biases() const { return spec.weights + width * spec.outputs; }
  float value(const DenseRoom& room, int64_t o, int lane) const { return room.y[o][lane / VEC][lane % VEC]; }

  void make_room(DenseRoom& room) const {
    for (auto* part : {&room.y, &room.d_y}) part->resize(spec.outputs);
  }

  void compute(const float* parameters, const Lanes* x, DenseRoom& room) const {
    const float *weight = parameters + spec.weights, *bias = parameters + biases();
    for (int64_t o = 0; o < spec.outputs; o++) {
      Lanes& y = room.y[o];
      for (Vec& v : y.v) v = fill(bias[o]);
      for (int64_t u = 0; u < width; u++)
        for (int v = 0; v < VECS; v++) y[v] += weight[u * spec.outputs + o] * x[u][v];
    }
  }

  // Returns the summed loss of the outputs for `targets`, (batch, target), and stores the outputs' gradients in `room`.
  double compare(const Samples& samples, const float* targets, DenseRoom& room) const {
    const int64_t per_target = spec.quantiles ? spec.quantiles : 1, count = spec.outputs / per_target;
    const float share = 1.f / (samples.size * spec.outputs);
    double loss = 0;
    for (int64_t o = 0; o < spec.outputs; o++) {
      room.d_y[o] = {};
      for (int lane = 0; lane < samples.lanes(); lane++) {
        float error = value(room, o, lane) - targets[(samples.first + lane) * count + o / per_target];
        float slope = error > 0 ? 1.f : error < 0 ? -1.f : error;  // NaN stays NaN
        if (spec.squares) slope = 2 * error;
        if (spec.quantiles) slope = error > 0 ? 1 - spec.levels[o % per_target] : -spec.levels[o % per_target];
        loss += spec.squares ? (double)error * error : spec.quantiles ? slope * error : std::fabs(error);
        room.d_y[o][lane / VEC][lane % VEC] = share * slope;
      }
    }
    return loss;
  }

  // Adds the weights' gradients to `gradients`, and stores those of the input in `d_x`.
  void differentiate(const float* parameters, const Lanes* x, const DenseRoom& room, float* gradients,
                     Lanes* d_x) const {
    const float* weight = parameters + spec.weights;
    float *d_weight = gradients + spec.weights, *d_bias = gradients + biases();
    for (int64_t u = 0; u < width; u++) {
      Lanes sum = {};
      for (int64_t o = 0; o < spec.outputs; o++) {
        const Lanes& d_y = room.d_y[o];
        Lanes product;
        for (int v = 0; v < VECS; v++) product[v] = x[u][v] * d_y[v];
        d_weight[u * spec.outputs + o] += total(product);
        for (int v = 0; v < VECS; v++) sum[v] += weight[u * spec.outputs + o] * d_y[v];
      }
      d_x[u] = sum;
    }
    for (int64_t o = 0; o < spec.outputs; o++) d_bias[o] += total(room.d_y[o]);
  }
};
