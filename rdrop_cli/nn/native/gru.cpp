// One GRU layer over one batch on a CPU, forward and backward, in float32: Keras's GRU with reset_after=True.
//
//   z = sigmoid((m_z * x) W_z + (k_z * h) R_z + b_z + b'_z)     m, k: the gates' masks on the input and on the state,
//   r = sigmoid((m_r * x) W_r + (k_r * h) R_r + b_r + b'_r)           the same at every timestep
//   q = (k_h * h) R_h + b'_h
//   g = tanh((m_h * x) W_h + b_h + r * q)
//   h' = z * h + (1 - z) * g
//
// The batch is cut into blocks of LANES sequences, and arrays are laid out [unit][lane]: each operation is on whole
// vectors whatever the number of units, and a timestep's values stay in the cache. One thread takes a block through all
// timesteps, and the blocks' weight gradients are added up in the blocks' order: the number of threads cannot change a
// bit of the result.
//
// UNITS and FEATURES come from the compiler's -D: products of known size keep their sums in registers.
#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "lanes.h"

constexpr int GATES = 3 * UNITS;
constexpr int CHUNK = 32;  // timesteps over which a weight's gradient is summed in a register

// What a timestep leaves for the backward pass. `one` is the input that the biases multiply; it also keeps the records
// of successive timesteps, which the weight gradients walk through, from falling on the same sets of the cache.
struct Record {
  Lanes state[UNITS], x[FEATURES], z[UNITS], r[UNITS], q[UNITS], g[UNITS], one[1];
};

// A call's arguments, as kernel.py fills them in; all arrays are C-contiguous.
struct Call {
  int64_t threads, size, timesteps, stride, every_state;  // `every_state`: the output is all states, not the last
  const float* rows;      // (any, FEATURES); sequence i's timestep t is row starts[i] + t * stride
  const int64_t* starts;  // (size,)
  const float *input_weights, *recurrent_weights, *bias;  // (FEATURES, GATES), (UNITS, GATES), (2, GATES)
  const float *input_masks, *recurrent_masks;             // (3, size, FEATURES), (3, size, UNITS); null: no masks
  Record* records;                                        // (blocks, timesteps + 1); null: nothing is kept

  int64_t blocks() const { return (size + LANES - 1) / LANES; }
  int lanes(int64_t block) const { return int(std::min<int64_t>(LANES, size - block * LANES)); }
  bool gives(int64_t t) const { return every_state || t == timesteps - 1; }
  int64_t output_at(int64_t i, int64_t t) const { return (every_state ? i * timesteps + t : i) * UNITS; }
};

template <int ROWS>
struct Masks {
  Lanes gate[3][ROWS];
  bool present;
};

template <int ROWS>
static Masks<ROWS> read_masks(const Call& call, int64_t block, const float* masks) {
  Masks<ROWS> read = {};
  read.present = masks;
  for (int gate = 0; masks && gate < 3; gate++) {
    const float* first = masks + (gate * call.size + block * LANES) * ROWS;
    read_lanes(call.lanes(block), ROWS, [=](int lane) { return first + lane * ROWS; }, read.gate[gate]);
  }
  return read;
}

// What each gate sees of `in`: `in` itself, or its masked copies in `room`.
template <int ROWS>
static void apply(const Masks<ROWS>& masks, const Lanes* in, Lanes (&room)[3][ROWS], const Lanes* (&seen)[3]) {
  for (int gate = 0; gate < 3; gate++) {
    seen[gate] = masks.present ? room[gate] : in;
    for (int i = 0; masks.present && i < ROWS; i++)
      for (int v = 0; v < 2; v++) room[gate][i][v] = in[i][v] * masks.gate[gate][i][v];
  }
}

static void step(const Call& call, const Masks<FEATURES>& input, const Masks<UNITS>& recurrent, Record& now,
                 Lanes* next) {
  Lanes x_room[3][FEATURES], h_room[3][UNITS];
  const Lanes *x[3], *h[3];
  apply(input, now.x, x_room, x);
  apply(recurrent, now.state, h_room, h);
  for_each_tile<UNITS, PRODUCT_ROWS>([&](int u, auto count) {
    Lanes z[count], r[count], q[count], g[count];  // before their activations
    for (int i = 0; i < count; i++)
      for (int v = 0; v < 2; v++) {
        const float *b = call.bias + u + i, *recurrent_b = b + GATES;
        z[i][v] = Vec{} + (b[0] + recurrent_b[0]);
        r[i][v] = Vec{} + (b[UNITS] + recurrent_b[UNITS]);
        q[i][v] = Vec{} + recurrent_b[2 * UNITS];
        g[i][v] = Vec{} + b[2 * UNITS];
      }
    const float *W = call.input_weights + u, *R = call.recurrent_weights + u;
    add_product<1, GATES, FEATURES, 1>(z, W, x[0]);
    add_product<1, GATES, UNITS, 1>(z, R, h[0]);
    add_product<1, GATES, FEATURES, 1>(r, W + UNITS, x[1]);
    add_product<1, GATES, UNITS, 1>(r, R + UNITS, h[1]);
    add_product<1, GATES, FEATURES, 1>(g, W + 2 * UNITS, x[2]);
    add_product<1, GATES, UNITS, 1>(q, R + 2 * UNITS, h[2]);
    for (int i = 0; i < count; i++)
      for (int v = 0; v < 2; v++) {
        Vec update = sigmoid(z[i][v]), reset = sigmoid(r[i][v]), candidate = tanh(g[i][v] + reset * q[i][v]);
        now.z[u + i][v] = update, now.r[u + i][v] = reset, now.q[u + i][v] = q[i][v], now.g[u + i][v] = candidate;
        next[u + i][v] = update * now.state[u + i][v] + (1.f - update) * candidate;
      }
  });
}

// Gradients of z, r, g before their activations, and of q, over a chunk; one timestep to spare, as `one` in Record.
struct Deltas {
  Lanes z[UNITS][CHUNK + 1], r[UNITS][CHUNK + 1], g[UNITS][CHUNK + 1], q[UNITS][CHUNK + 1];
};
typedef const Lanes (*Delta)[CHUNK + 1];
struct Gradients {
  float input[FEATURES][GATES], recurrent[UNITS][GATES], bias[2][GATES];
};

// From d_state, the gradient of the new state, to the gates' and to what z passes on to the old state.
static void differentiate(const Record& now, int j, Lanes* d_state, Deltas& delta) {
  for (int u = 0; u < UNITS; u++)
    for (int v = 0; v < 2; v++) {
      Vec d = d_state[u][v], z = now.z[u][v], r = now.r[u][v], g = now.g[u][v], d_g = d * (1.f - z) * (1.f - g * g);
      delta.z[u][j][v] = d * (now.state[u][v] - g) * z * (1.f - z);
      delta.r[u][j][v] = d_g * now.q[u][v] * r * (1.f - r);
      delta.g[u][j][v] = d_g;
      delta.q[u][j][v] = d_g * r;
      d_state[u][v] = d * z;
      // Records come from the outer caches: the one before this is fetched while this one is worked on.
      for (auto part : {now.state, now.z, now.r, now.q, now.g})
        __builtin_prefetch((const char*)&part[u][v] - sizeof now);
    }
}

// out[k] += sum over gates of mask[k] * sum over n of weight[k][n] * delta[n]
template <int ROWS>
static void project_back(const float* weight, const Masks<ROWS>& masks, const Delta (&delta)[3], int j, Lanes* out) {
  for_each_tile<ROWS, PRODUCT_ROWS>([&](int k, auto count) {
    for (int gate = 0; gate < 3; gate++) {
      Lanes sum[count] = {};
      add_product<GATES, 1, UNITS, CHUNK + 1>(sum, weight + k * GATES + gate * UNITS, delta[gate][0] + j);
      for (int i = 0; i < count; i++)
        for (int v = 0; v < 2; v++)
          out[k + i][v] += masks.present ? sum[i][v] * masks.gate[gate][k + i][v] : sum[i][v];
    }
  });
}

// grad[k][n] += sum over lanes of mask[k] * sum over timesteps of value[k] * delta[n]
template <int ROWS>
static void add_outer(int steps, const Lanes* value, const Masks<ROWS>& masks, const Delta (&delta)[3],
                      float (*grad)[GATES]) {
  for_each_tile<ROWS, GRADIENT_ROWS>([&](int k, auto count) {
    for (int n = 0; n < UNITS; n++) {
      Vec sums[count][3] = {};
      for (int v = 0; v < 2; v++) {
        Vec sum[count][3] = {};
        for (int j = 0; j < steps; j++)
          for (int i = 0; i < count; i++)
            for (int gate = 0; gate < 3; gate++)
              sum[i][gate] += value[j * (sizeof(Record) / sizeof(Lanes)) + k + i][v] * delta[gate][n][j][v];
        for (int i = 0; i < count; i++)
          for (int gate = 0; gate < 3; gate++)
            sums[i][gate] += masks.present ? sum[i][gate] * masks.gate[gate][k + i][v] : sum[i][gate];
      }
      for (int i = 0; i < count; i++)
        for (int gate = 0; gate < 3; gate++) grad[k + i][gate * UNITS + n] += total(sums[i][gate]);
    }
  });
}

template <class Work>
static void share_blocks(const Call& call, const Work& work) {
  std::atomic<int64_t> next{0};
  auto run = [&] {
    for (int64_t block; (block = next++) < call.blocks();) work(block);
  };
  std::vector<std::thread> helpers;
  try {
    for (int64_t i = 1; i < std::min(call.threads, call.blocks()); i++) helpers.emplace_back(run);
  } catch (const std::system_error&) {  // the system grants no more threads: those there are do all the work
  }
  run();
  for (auto& helper : helpers) helper.join();
}

extern "C" {
int64_t gru_lanes() { return LANES; }
int64_t gru_record_bytes() { return sizeof(Record); }

// output: (size, timesteps, UNITS) if call.every_state, else (size, UNITS).
void gru_forward(const Call& call, float* output) {
  share_blocks(call, [&](int64_t block) {
    auto input = read_masks<FEATURES>(call, block, call.input_masks);
    auto recurrent = read_masks<UNITS>(call, block, call.recurrent_masks);
    int64_t lanes = call.lanes(block), first = block * LANES;
    Record passing[2] = {};  // where nothing is kept, two records take turns
    for (int64_t t = 0; t < call.timesteps; t++) {
      Record* kept = call.records ? call.records + block * (call.timesteps + 1) + t : nullptr;
      Record &now = kept ? kept[0] : passing[t % 2], &next = kept ? kept[1] : passing[(t + 1) % 2];
      if (t == 0) memset(now.state, 0, sizeof now.state);
      if (lanes < LANES) memset(now.x, 0, sizeof now.x);
      now.one[0][0] = now.one[0][1] = Vec{} + 1.f;
      auto row = [&](int lane) { return call.rows + (call.starts[first + lane] + t * call.stride) * FEATURES; };
      read_lanes(lanes, FEATURES, row, now.x);
      step(call, input, recurrent, now, next.state);
      auto given = [&](int lane) { return output + call.output_at(first + lane, t); };
      if (call.gives(t)) write_lanes(lanes, UNITS, next.state, given);
    }
  });
}

// From d_output, the gradient of gru_forward's output, to `gradients`, (FEATURES + UNITS + 2, GATES): the input
// weights', the recurrent weights' and the biases'; and to d_x, (size, timesteps, FEATURES), unless it is null.
void gru_backward(const Call& call, const float* d_output, float* gradients, float* d_x) {
  std::vector<Gradients> parts(call.blocks());
  share_blocks(call, [&](int64_t block) {
    auto input = read_masks<FEATURES>(call, block, call.input_masks);
    auto recurrent = read_masks<UNITS>(call, block, call.recurrent_masks);
    int64_t lanes = call.lanes(block), first = block * LANES;
    static thread_local std::vector<Deltas> room(1);  // allocated once, not at every step
    const Delta of_input[3] = {room[0].z, room[0].r, room[0].g}, of_state[3] = {room[0].z, room[0].r, room[0].q};
    Lanes d_state[UNITS] = {};
    for (int64_t end = call.timesteps, begin; end > 0; end = begin) {
      begin = (end - 1) / CHUNK * CHUNK;
      const Record* chunk = call.records + block * (call.timesteps + 1) + begin;
      for (int64_t t = end - 1; t >= begin; t--) {
        if (call.gives(t)) {
          Lanes given[UNITS] = {};
          read_lanes(lanes, UNITS, [&](int lane) { return d_output + call.output_at(first + lane, t); }, given);
          for (int u = 0; u < UNITS; u++)
            for (int v = 0; v < 2; v++) d_state[u][v] += given[u][v];
        }
        differentiate(chunk[t - begin], t - begin, d_state, room[0]);
        project_back(call.recurrent_weights, recurrent, of_state, t - begin, d_state);
        if (d_x) {
          Lanes d_row[FEATURES] = {};
          project_back(call.input_weights, input, of_input, t - begin, d_row);
          auto row = [&](int lane) { return d_x + ((first + lane) * call.timesteps + t) * FEATURES; };
          write_lanes(lanes, FEATURES, d_row, row);
        }
      }
      add_outer(end - begin, chunk->x, input, of_input, parts[block].input);
      add_outer(end - begin, chunk->state, recurrent, of_state, parts[block].recurrent);
      add_outer(end - begin, chunk->one, Masks<1>{}, of_input, parts[block].bias);
      add_outer(end - begin, chunk->one, Masks<1>{}, of_state, parts[block].bias + 1);
    }
  });
  memset(gradients, 0, sizeof(Gradients));
  for (const Gradients& part : parts)
    for (size_t i = 0; i < sizeof(Gradients) / sizeof(float); i++) gradients[i] += ((const float*)&part)[i];
}
}
