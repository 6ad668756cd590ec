// Products of packed weights with lanes, and outer products that sum over lanes and timesteps.
//
// A product is cut into tiles of a few rows, whose sums stay in registers; weights are packed in the order in which the
// tiles read them. The number of rows in a tile is a compile-time constant; the numbers of units and features are not,
// so one library works for every size.
#pragma once
#include <type_traits>

#include "lanes.h"

constexpr int CHUNK = 32 / VECS;  // timesteps over which an outer product is summed in registers

template <int MOST, class Work>
static inline void call_with_constant(int64_t count, const Work& work) {
  if constexpr (MOST > 0) {
    if (count == MOST)
      work(std::integral_constant<int, MOST>{});
    else
      call_with_constant<MOST - 1>(count, work);
  }
}

// Calls work(first row, number of rows) for tiles of sizes as equal as possible.
template <class Work>
static inline void for_each_tile(int64_t rows, int64_t most, const Work& work) {
  int64_t tiles = (rows + most - 1) / most;
  for (int64_t i = 0, row = 0; i < tiles; i++) {
    int64_t count = (rows - row + tiles - i - 1) / (tiles - i);
    work(row, count);
    row += count;
  }
}

// The same, with the number of rows as a compile-time constant.
template <int MOST, class Work>
static inline void for_each_tile(int64_t rows, const Work& work) {
  for_each_tile(rows, MOST, [&](int64_t row, int64_t count) {
    call_with_constant<MOST>(count, [&](auto constant) { work(row, constant); });
  });
}

// Appends weight[i * row + k * term], i over the `rows` of a tile and k over the terms of their sums, in the order in
// which find_products reads.
static inline float* pack(const float* weight, int64_t rows, int64_t row, int64_t terms, int64_t term, float* packed) {
  for (int64_t k = 0; k < terms; k++)
    for (int64_t i = 0; i < rows; i++) *packed++ = weight[i * row + k * term];
  return packed;
}

// Rows of lanes, the terms of a product's sums.
struct Terms {
  const Lanes* rows;
  int64_t count;
};

// sum[i] = bias[i] + sum over k of packed weight (k, i) * v[k], where v are the terms of `count` operands in turn and
// `bias` may be null. Returns the position after the last weight.
template <int COUNT>
INLINE const float* find_products(Lanes (&sum)[COUNT], const float* bias, const float* weight, const Terms* operands,
                                  int64_t count) {
  Lanes local[COUNT];
  for (int i = 0; i < COUNT; i++)
    for (int part = 0; part < VECS; part++) local[i][part] = bias ? fill(bias[i]) : Vec{};
  for (const Terms* terms = operands; terms < operands + count; terms++)
    for (const Lanes *v = terms->rows, *end = v + terms->count; v < end; v++, weight += COUNT)
      for (int i = 0; i < COUNT; i++)
        for (int part = 0; part < VECS; part++) local[i][part] += weight[i] * v[0][part];
  for (int i = 0; i < COUNT; i++) sum[i] = local[i];
  return weight;
}

// Masks on the rows of a product, one for all gates or one for each; `bits` is null if there are none.
struct RowMasks {
  const Bits* bits;
  int64_t count, rows;
  float kept;

  // How many gates read the same values: one if each has its own mask, else all.
  int64_t group(int64_t gates) const { return bits && count > 1 ? 1 : gates; }

  Vec apply(int64_t gate, int64_t row, int v, Vec value) const {
    return bits ? keep(bits[(count > 1 ? gate : 0) * rows + row], v, value * kept) : value;
  }
};

// What each gate sees of `in`: `in` itself, or masked copies of it in `room`.
static inline void apply_masks(const RowMasks& masks, const Lanes* in, int64_t gates, Lanes* room, const Lanes** seen) {
  for (int64_t gate = 0; gate < gates; gate++) {
    bool own = masks.bits && (gate == 0 || masks.count > 1);
    seen[gate] = own ? room + gate * masks.rows : masks.bits ? seen[0] : in;
    for (int64_t i = 0; own && i < masks.rows; i++)
      for (int v = 0; v < VECS; v++) room[gate * masks.rows + i][v] = masks.apply(gate, i, v, in[i][v]);
  }
}

// out[k] += sum over gates of mask[k] * sum over n of weight (k, n) * delta[gate][n]
//
// Calls before(k, count) before the sums of each tile of rows, and after(k, count) after them.
template <int GATES, class Before, class After>
static inline void project_back(const float* weight, const RowMasks& masks, const Terms (&delta)[GATES], Lanes* out,
                                const Before& before, const After& after) {
  const int64_t size = masks.group(GATES);
  for_each_tile<PRODUCT_ROWS>(masks.rows, [&](int64_t k, auto count) {
    constexpr int COUNT = decltype(count)::value;
    before(k, COUNT);
    for (int64_t gate = 0; gate < GATES; gate += size) {
      Lanes sum[COUNT];
      weight = find_products(sum, nullptr, weight, delta + gate, size);
      for (int i = 0; i < COUNT; i++)
        for (int v = 0; v < VECS; v++) out[k + i][v] += masks.apply(gate, k + i, v, sum[i][v]);
    }
    after(k, COUNT);
  });
}

// grad[i * columns + c] += sum over lanes and timesteps j of value (j, i) * delta.at(j)[c], for ROWS x WIDE of them.
template <int ROWS, int WIDE>
static void add_outer_tile(int64_t steps, const Lanes* value, Steps delta, float* grad, int64_t columns) {
  Vec sum[ROWS][WIDE] = {};
  for (int64_t j = 0; j < steps; j++, value += ROWS, delta.data += delta.stride)
    for (int v = 0; v < VECS; v++) {
      for (int c = 0; c < WIDE; c++) __builtin_prefetch(&delta.data[WIDE + c][v]);  // the next tile's
      for (int i = 0; i < ROWS; i++) {
        Vec left = in_register(value[i][v]);
        for (int c = 0; c < WIDE; c++) sum[i][c] += left * delta.data[c][v];
      }
    }
  float totals[ROWS * WIDE];
  find_totals<ROWS * WIDE>(sum[0], totals);
  for (int i = 0; i < ROWS; i++)
    for (int c = 0; c < WIDE; c++) grad[i * columns + c] += totals[i * WIDE + c];
}

// Rows at one timestep and the masks on them.
struct MaskedRows {
  const Lanes* rows;
  RowMasks masks;
};

// grad[k * columns + n] += sum over lanes and timesteps j of value (j, k) * delta[gate].at(j)[n], for the gates from
// `first` on that read the same values: the rows read(j), masked. A tile of them is copied so that the sums run through
// contiguous memory.
template <class Read>
static inline void add_outer(int64_t steps, int64_t rows, const Read& read, Lanes* tile, const Steps* delta,
                             int64_t first, int64_t gates, int64_t units, float* grad, int64_t columns) {
  for_each_tile<OUTER_ROWS>(rows, [&](int64_t k, auto height) {
    constexpr int ROWS = decltype(height)::value;
    for (int64_t j = 0; j < steps; j++) {
      const MaskedRows from = read(j);
      for (int i = 0; i < ROWS; i++)
        for (int v = 0; v < VECS; v++) tile[j * ROWS + i][v] = from.masks.apply(first, k + i, v, from.rows[k + i][v]);
    }
    for (int64_t gate = first; gate < first + gates; gate++)
      for_each_tile<OUTER_COLUMNS>(units, [&](int64_t n, auto width) {
        const Steps right = {delta[gate].data + n, delta[gate].stride};
        add_outer_tile<ROWS, decltype(width)::value>(steps, tile, right, grad + k * columns + gate * units + n, columns);
      });
  });
}

// grad[n], and also[n] unless that is null, += sum over lanes and timesteps j of delta.at(j)[n]
static inline void add_sums(int64_t steps, Steps delta, int64_t units, float* grad, float* also) {
  for_each_tile<4>(units, [&](int64_t n, auto count) {
    constexpr int COUNT = decltype(count)::value;
    Lanes sum[COUNT] = {};
    for (int64_t j = 0; j < steps; j++)
      for (int i = 0; i < COUNT; i++)
        for (int v = 0; v < VECS; v++) sum[i][v] += delta.at(j)[n + i][v];
    for (int i = 0; i < COUNT; i++) {
      const float share = total(sum[i]);
      grad[n + i] += share;
      if (also) also[n + i] += share;
    }
  });
}
