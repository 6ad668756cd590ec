// A recurrent layer that reads a block of sequences in one direction: its weights for a step, and its loop over time.
#pragma once
#include <functional>

#include "cells.h"
#include "masks.h"
#include "products.h"

enum CellKind : int64_t { GRU, LSTM };

// description.py's `Layer`.
struct LayerSpec {
  int64_t cell, features, units, activation;
  int64_t backwards;   // reads the last timestep first
  int64_t in_reading_order;  // whether it outputs its states in the order of reading
  int64_t site, per_step, shared;  // of recurrent masks: what they multiply; new at each timestep; shared by the batch
  int64_t weights;     // index of its kernel, recurrent kernel and bias in the network's parameters
  MaskSpec input, recurrent;
};

// Buffers for a pass over one block of sequences; reused between calls.
struct LayerRoom {
  std::vector<Lanes> records, seen_x, seen_h, deltas, d_state, tile;
  std::vector<Bits> input_bits, recurrent_bits;
};

// Where a layer's states go, or their gradients come from: all of them, or only the last.
struct Given {
  Steps steps;
  bool every;
};

typedef std::function<void(int64_t)> Ready;

struct Layer {
  LayerSpec spec;
  bool training = false, keeps = false;  // draws masks; keeps the records of all timesteps, for the backward pass
  int64_t step = 0, timesteps = 0;
  std::vector<float> forward, back_to_h, back_to_x, bias;  // packed
  std::vector<float> kernel_scale, recurrent_scale;        // masks that the batch shares; empty: none

  explicit Layer(const LayerSpec& given) : spec(given) {}
  int64_t gates() const { return spec.cell == GRU ? Gru::GATES : Lstm::GATES; }
  int64_t columns() const { return gates() * spec.units; }
  int64_t rows() const { return (spec.cell == GRU ? Gru::ROWS : Lstm::ROWS) * spec.units; }
  int64_t states() const { return spec.cell == GRU ? Gru::STATES : Lstm::STATES; }
  int64_t biases() const { return spec.cell == GRU ? Gru::BIASES : Lstm::BIASES; }
  int64_t parameters() const { return (spec.features + spec.units + biases()) * columns(); }
  bool masks_input() const { return training && spec.input.count && !spec.shared; }
  bool masks_state() const {
    return !spec.shared && spec.site != NOWHERE && spec.site != WEIGHTS && (training || spec.recurrent.average != 1);
  }
  bool draws_each_step() const { return training && spec.per_step; }
  int64_t time_of(int64_t j) const { return spec.backwards ? timesteps - 1 - j : j; }
  int64_t given_at(int64_t j) const { return spec.in_reading_order ? j : time_of(j); }

  // Takes this step's weights, multiplied by the masks that the batch shares.
  void prepare(const float* parameters, bool train, bool keep, int64_t at_step, int64_t steps, bool differentiates_x) {
    training = train, keeps = keep, step = at_step, timesteps = steps;
    if (spec.cell == GRU)
      pack_weights<Gru>(parameters + spec.weights, differentiates_x);
    else
      pack_weights<Lstm>(parameters + spec.weights, differentiates_x);
  }

  void make_room(LayerRoom& room) const {
    int64_t records = keeps ? timesteps + 1 : 2, state_masks = std::max<int64_t>(spec.recurrent.count, 1);
    room.records.resize(records * pad(rows()));
    room.seen_x.resize(gates() * spec.features);
    room.seen_h.resize(gates() * spec.units);
    room.tile.resize(CHUNK * OUTER_ROWS);
    room.d_state.resize(states() * spec.units);
    room.input_bits.resize(spec.input.count * spec.features);
    room.recurrent_bits.resize((draws_each_step() ? timesteps : 1) * state_masks * spec.units);
    if (keeps) room.deltas.resize(CHUNK * pad(4 * spec.units));
  }

  // Calls ready(t) before it reads timestep t of x.
  void run(LayerRoom& room, const Samples& samples, Steps x, const Given& output, const Ready& ready) const {
    spec.cell == GRU ? run_cell<Gru>(room, samples, x, output, ready)
                     : run_cell<Lstm>(room, samples, x, output, ready);
  }

  // Adds to the gradients of the weights and, unless d_x is null, of the input.
  void differentiate(LayerRoom& room, Steps x, const Given& d_output, Steps d_x, float* gradients) const {
    spec.cell == GRU ? differentiate_cell<Gru>(room, x, d_output, d_x, gradients)
                     : differentiate_cell<Lstm>(room, x, d_output, d_x, gradients);
  }

  // Turns the gradients of masked weights into those of the weights.
  void unscale(float* gradients) const {
    float *kernel = gradients + spec.weights, *recurrent = kernel + spec.features * columns();
    for (size_t i = 0; i < kernel_scale.size(); i++) kernel[i] *= kernel_scale[i];
    for (size_t i = 0; i < recurrent_scale.size(); i++) recurrent[i] *= recurrent_scale[i];
  }

 private:
  std::vector<float> draw_row_scale(const MaskSpec& masks, int64_t rows) const {
    std::vector<float> scale(rows * columns()), mask(rows);
    for (int64_t gate = 0; gate < gates(); gate++) {
      if (gate < masks.count) draw_shared_mask(masks, step, gate, rows, mask.data());
      for (int64_t k = 0; k < rows; k++)
        for (int64_t n = 0; n < spec.units; n++) scale[k * columns() + gate * spec.units + n] = mask[k];
    }
    return scale;
  }

  void draw_shared_masks() {
    kernel_scale.clear(), recurrent_scale.clear();
    if (!training) return;
    if (spec.shared && spec.input.count) kernel_scale = draw_row_scale(spec.input, spec.features);
    if (spec.shared && spec.recurrent.count) recurrent_scale = draw_row_scale(spec.recurrent, spec.units);
    if (spec.site == WEIGHTS && spec.recurrent.count) {
      recurrent_scale.resize(spec.units * columns());
      draw_shared_mask(spec.recurrent, step, 0, recurrent_scale.size(), recurrent_scale.data());
    }
  }

  template <class Cell>
  void pack_weights(const float* kernel, bool differentiates_x) {
    const int64_t features = spec.features, units = spec.units;
    const float *recurrent = kernel + features * columns(), *b = recurrent + units * columns();
    draw_shared_masks();
    std::vector<float> masked_kernel = multiply(kernel, kernel_scale), masked = multiply(recurrent, recurrent_scale);
    if (!masked_kernel.empty()) kernel = masked_kernel.data();
    if (!masked.empty()) recurrent = masked.data();
    forward.resize((features + units) * columns());
    float* end = forward.data();
    for_each_tile(units, PRODUCT_ROWS, [&](int64_t u, int64_t count) {
      for (int64_t column = u; column < columns(); column += units) {
        end = pack(kernel + column, count, 1, features, columns(), end);
        end = pack(recurrent + column, count, 1, units, columns(), end);
      }
    });
    bias.assign(4 * units, 0.f);
    for (int gate = 0; gate < Cell::GATES; gate++)
      for (int64_t u = 0; u < units; u++) {
        bias[Cell::X_SUM[gate] * units + u] += b[gate * units + u];
        if (Cell::BIASES == 2) bias[Cell::H_SUM[gate] * units + u] += b[columns() + gate * units + u];
      }
    if (keeps) pack_back(recurrent, units, back_to_h);
    if (keeps && differentiates_x) pack_back(kernel, features, back_to_x);
  }

  void pack_back(const float* weight, int64_t rows, std::vector<float>& packed) const {
    packed.resize(rows * columns());
    float* end = packed.data();
    for_each_tile(rows, PRODUCT_ROWS, [&](int64_t k, int64_t count) {
      end = pack(weight + k * columns(), count, columns(), columns(), 1, end);
    });
  }

  static std::vector<float> multiply(const float* weight, const std::vector<float>& scale) {
    std::vector<float> product(scale);
    for (size_t i = 0; i < product.size(); i++) product[i] *= weight[i];
    return product;
  }

  RowMasks input_masks(const LayerRoom& room) const {
    const Bits* bits = masks_input() ? room.input_bits.data() : nullptr;
    return {bits, spec.input.count, spec.features, (float)spec.input.kept};
  }

  const Bits* bits_at(const LayerRoom& room, int64_t j) const {
    return room.recurrent_bits.data() + (draws_each_step() ? j * spec.recurrent.count * spec.units : 0);
  }

  // The masks on the state as the gates read it, at the j-th timestep read.
  RowMasks read_masks(const LayerRoom& room, int64_t j) const {
    bool reads = masks_state() && (spec.site == READ || spec.site == PREVIOUS);
    return {reads ? bits_at(room, j) : nullptr, spec.recurrent.count, spec.units, (float)spec.recurrent.kept};
  }

  StepMasks step_masks(const LayerRoom& room, int64_t j) const {
    float kept = training ? spec.recurrent.kept : spec.recurrent.average;
    return {masks_state() ? spec.site : (int64_t)NOWHERE, bits_at(room, j), spec.units, kept};
  }

  void draw_step(LayerRoom& room, const Samples& samples, int64_t j) const {
    if (j == 0 && masks_input()) draw_masks(spec.input, step, samples, 1, 0, spec.features, room.input_bits.data());
    if (!masks_state() || (j > 0 && !draws_each_step())) return;
    Bits* bits = room.recurrent_bits.data() + (draws_each_step() ? j * spec.recurrent.count * spec.units : 0);
    if (training)
      draw_masks(spec.recurrent, step, samples, spec.per_step ? timesteps : 1, spec.per_step ? time_of(j) : 0,
                 spec.units, bits);
    else
      std::fill(room.recurrent_bits.begin(), room.recurrent_bits.end(), ALL_LANES);
  }

  template <class Cell>
  void run_cell(LayerRoom& room, const Samples& samples, Steps x, const Given& output, const Ready& ready) const {
    const int64_t stride = pad(rows());
    std::fill_n(room.records.begin(), Cell::STATES * spec.units, Lanes{});
    for (int64_t j = 0; j < timesteps; j++) {
      Lanes* now = room.records.data() + (keeps ? j : j % 2) * stride;
      Lanes* next = room.records.data() + (keeps ? j + 1 : (j + 1) % 2) * stride;
      ready(time_of(j));
      draw_step(room, samples, j);
      const Lanes *seen_x[Cell::GATES], *seen_h[Cell::GATES];
      apply_masks(input_masks(room), x.at(time_of(j)), Cell::GATES, room.seen_x.data(), seen_x);
      apply_masks(read_masks(room, j), now, Cell::GATES, room.seen_h.data(), seen_h);
      advance<Cell>(seen_x, seen_h, now, next, step_masks(room, j));
      if (output.every || j == timesteps - 1)
        memcpy(output.steps.at(output.every ? given_at(j) : 0), next, spec.units * sizeof(Lanes));
    }
  }

  template <class Cell>
  void advance(const Lanes* const* x, const Lanes* const* h, Lanes* now, Lanes* next, const StepMasks& masks) const {
    const float* weight = forward.data();
    for_each_tile<PRODUCT_ROWS>(spec.units, [&](int64_t u, auto count) {
      constexpr int COUNT = decltype(count)::value;
      fetch_rows(now + u, Cell::ROWS, COUNT);  // written after the products, when they are in the nearest cache
      Lanes sum[4][COUNT];
      for (int gate = 0; gate < Cell::GATES; gate++) {
        const Terms of_x_and_h[] = {{x[gate], spec.features}, {h[gate], spec.units}};
        const int x_sum = Cell::X_SUM[gate], h_sum = Cell::H_SUM[gate], together = x_sum == h_sum ? 2 : 1;
        weight = find_products(sum[x_sum], &bias[x_sum * spec.units + u], weight, of_x_and_h, together);
        if (together == 1) weight = find_products(sum[h_sum], &bias[h_sum * spec.units + u], weight, of_x_and_h + 1, 1);
      }
      finish<Cell>(sum[0], COUNT, now, next, u, masks);
    });
  }

  // Advances `count` units from u on, whose sums are at sum[which * count + i].
  template <class Cell>
  void finish(const Lanes* sum, int64_t count, Lanes* now, Lanes* next, int64_t u, const StepMasks& masks) const {
    call_with_kind(masks, spec.activation, [&](const auto& kind) {
      for_each_tile<AT_ONCE>(count, [&](int64_t i, auto units) {
        typedef Pack<decltype(units)::value * VECS> Sum;
        const Sum sums[4] = {Sum(sum + i), Sum(sum + count + i), Sum(sum + 2 * count + i), Sum(sum + 3 * count + i)};
        Cell::advance(sums, now, next, spec.units, u + i, kind);
      });
    });
  }

  // Goes from a timestep's products to the elementwise part of the timestep before, tile by tile: that part reads data
  // from the outer caches, which is prefetched while the products of its tile are computed.
  template <class Cell>
  void differentiate_cell(LayerRoom& room, Steps x, const Given& d_output, Steps d_x, float* gradients) const {
    const int64_t units = spec.units;
    std::fill(room.d_state.begin(), room.d_state.end(), Lanes{});
    for (int64_t end = timesteps, begin; end > 0; end = begin) {
      begin = (end - 1) / CHUNK * CHUNK;
      auto record_at = [&](int64_t j) { return room.records.data() + j * pad(rows()); };
      auto deltas_at = [&](int64_t j) { return room.deltas.data() + (j - begin) * pad(4 * units); };
      auto differentiate = [&](int64_t j, int64_t u, int64_t count) {
        if (d_output.every || j == timesteps - 1)
          add_given(d_output.steps.at(d_output.every ? given_at(j) : 0), u, count, room.d_state.data());
        differentiate_states<Cell>(record_at(j), room.d_state.data(), deltas_at(j), step_masks(room, j), u, count);
      };
      differentiate(end - 1, 0, units);
      for (int64_t j = end - 1; j >= begin; j--) {
        Terms of_x[Cell::GATES], of_h[Cell::GATES];
        for (int gate = 0; gate < Cell::GATES; gate++)
          of_x[gate] = {deltas_at(j) + Cell::X_SUM[gate] * units, units},
          of_h[gate] = {deltas_at(j) + Cell::H_SUM[gate] * units, units};
        auto fetch = [&](int64_t u, int64_t count) {
          if (j == begin) return;
          fetch_rows(record_at(j - 1) + u, Cell::ROWS, count), fetch_rows(deltas_at(j - 1) + u, 4, count);
        };
        auto go_on = [&](int64_t u, int64_t count) {
          if (j > begin) differentiate(j - 1, u, count);
        };
        if (d_x.data) {
          auto nothing = [](int64_t, int64_t) {};
          project_back(back_to_x.data(), input_masks(room), of_x, d_x.at(time_of(j)), nothing, nothing);
        }
        project_back(back_to_h.data(), read_masks(room, j), of_h, room.d_state.data(), fetch, go_on);
      }
      add_weight_gradients<Cell>(room, x, begin, end - begin, gradients + spec.weights);
    }
  }

  static void add_given(const Lanes* given, int64_t u, int64_t count, Lanes* d_state) {
    for (int64_t i = u; i < u + count; i++)
      for (int v = 0; v < VECS; v++) d_state[i][v] += given[i][v];
  }

  void fetch_rows(const Lanes* from, int64_t rows, int64_t count) const {
    for (int64_t row = 0; row < rows; row++)
      for (int64_t i = 0; i < count; i++)
        for (int v = 0; v < VECS; v++) __builtin_prefetch(&from[row * spec.units + i][v]);
  }

  template <class Cell>
  void differentiate_states(const Lanes* now, Lanes* d_state, Lanes* delta, const StepMasks& masks, int64_t first,
                            int64_t count) const {
    call_with_kind(masks, spec.activation, [&](const auto& kind) {
      for (int64_t u = first; u < first + count; u++) {
        Pack<VECS> d_sum[4];
        Cell::differentiate(now, d_state, spec.units, u, kind, d_sum);
        for (int s = 0; s < 4; s++) d_sum[s].save(delta + s * spec.units + u);
      }
    });
  }

  // Adds those of the timesteps [begin, begin + steps) in the order of reading.
  template <class Cell>
  void add_weight_gradients(LayerRoom& room, Steps x, int64_t begin, int64_t steps, float* kernel) const {
    const int64_t units = spec.units, stride = pad(rows());
    float *recurrent = kernel + spec.features * columns(), *b = recurrent + units * columns();
    const Lanes* h = room.records.data() + begin * stride;
    Steps of_x[Cell::GATES], of_h[Cell::GATES];
    for (int gate = 0; gate < Cell::GATES; gate++) {
      of_x[gate] = {room.deltas.data() + Cell::X_SUM[gate] * units, pad(4 * units)};
      of_h[gate] = {room.deltas.data() + Cell::H_SUM[gate] * units, pad(4 * units)};
      float *of_input = b + gate * units, *of_state = Cell::BIASES == 2 ? of_input + columns() : nullptr;
      const bool same = Cell::X_SUM[gate] == Cell::H_SUM[gate];
      add_sums(steps, of_x[gate], units, of_input, same ? of_state : nullptr);
      if (!same) add_sums(steps, of_h[gate], units, of_state, nullptr);
    }
    const RowMasks input = input_masks(room);
    auto read_x = [&](int64_t j) { return MaskedRows{x.at(time_of(begin + j)), input}; };
    auto read_h = [&](int64_t j) { return MaskedRows{h + j * stride, read_masks(room, begin + j)}; };
    auto add_x = [&](int64_t gate, int64_t count) {
      add_outer(steps, spec.features, read_x, room.tile.data(), of_x, gate, count, units, kernel, columns());
    };
    auto add_h = [&](int64_t gate, int64_t count) {
      add_outer(steps, units, read_h, room.tile.data(), of_h, gate, count, units, recurrent, columns());
    };
    for_each_group(input, Cell::GATES, add_x);
    for_each_group(read_masks(room, begin), Cell::GATES, add_h);
  }

  // Calls work(first gate, number of gates) for the gates that read the same values.
  template <class Work>
  static void for_each_group(const RowMasks& masks, int64_t gates, const Work& work) {
    const int64_t size = masks.group(gates);
    for (int64_t gate = 0; gate < gates; gate += size) work(gate, size);
  }
};
