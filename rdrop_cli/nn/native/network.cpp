// Layers over time and dense units over a batch on a CPU, forward and backward, in float32.
//
// The batch is cut into blocks of LANES sequences, and arrays are laid out [unit][lane]: operations are on full vectors
// for any number of units. One thread takes a block through all timesteps and layers, forward and backward, and the
// blocks' gradients are added up in the order of the blocks, so results are bit-identical for any number of threads.
#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

#include "convolution.h"
#include "dense.h"
#include "floor.h"
#include "layer.h"

constexpr int64_t AHEAD = 8;  // how many timesteps ahead of gathering the rows of a window are prefetched

// description.py's `Stage`: one layer, or two recurrent ones that read the same sequences in opposite directions.
struct StageSpec {
  int64_t kind, taps;  // taps: timesteps that each output timestep of a convolution or a pooling reads
  int64_t directions, every_state;
  int64_t given_per_step;  // whether the masks on its input are drawn for each timestep
  MaskSpec given;
  LayerSpec layers[2];
};

// description.py's `Spec`.
struct NetworkSpec {
  int64_t stages, timesteps, parameters;
  DenseSpec dense;
  MaskSpec returned;  // on the input of the dense units
  const StageSpec* first;
};

// A call's arguments; all arrays are C-contiguous.
struct Call {
  int64_t threads, size, step, stride;
  const float* parameters;
  const float* rows;      // (any, features); timestep t of sequence i is row starts[i] + t * stride
  const int64_t* starts;  // (size,)
  const int64_t* draws;   // (size,): the sample whose masks each prediction has; null: no dropout
};

struct Stage {
  StageSpec spec;
  int64_t steps;              // timesteps of its input
  std::vector<Layer> layers;  // recurrent ones
  Convolution convolution;
  int64_t features() const { return spec.layers[0].features; }
  bool is(StageKind kind) const { return spec.kind == kind; }
  bool reads_backwards() const { return is(RECURRENT) && spec.layers[0].backwards; }
  Pooling pooling() const { return {is(AVERAGE), features(), spec.taps, steps}; }
  int64_t steps_given() const { return is(RECURRENT) ? steps : is(CONVOLUTION) ? steps - spec.taps + 1 : steps / spec.taps; }
};

// Buffers of one thread for a block.
struct Room {
  std::vector<std::vector<Lanes>> x, d_x;  // by stage, then those of the dense units
  std::vector<std::vector<Bits>> given_bits;
  std::vector<LayerRoom> layers;
  std::vector<Terms> read;
  std::vector<Lanes> tile;
  DenseRoom dense;
};

// Flushes numbers below 2^-126 to 0 in a thread while the object exists: gradients fade over time, and computing with
// such numbers takes a hundred times as long.
class FlushDenormals {
#if defined(__x86_64__)
  unsigned before = _mm_getcsr();

 public:
  FlushDenormals() { _mm_setcsr(before | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(before); }
#elif defined(__aarch64__)
  uint64_t before;

 public:
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before));
    asm volatile("msr fpcr, %0" ::"r"(before | 1 << 24));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(before)); }
#endif
};

class Network {
 public:
  explicit Network(const NetworkSpec& given) : spec(given) {
    for (int64_t i = 0, steps = spec.timesteps; i < spec.stages; i++) {
      const StageSpec& stage = spec.first[i];
      stages.push_back({stage, steps, {}, {stage.layers[0], stage.taps, steps}});
      steps = stages[i].steps_given();
      for (int64_t d = 0; stages[i].is(RECURRENT) && d < stage.directions; d++)
        stages[i].layers.emplace_back(stage.layers[d]);
    }
    dense = {spec.dense, width()};
  }

  // Fills `output`, (size, outputs).
  void predict(const Call& call, float* output) {
    begin(call, call.draws, false);
    share_blocks(call, [&](const Samples& samples, Room& room, int64_t) {
      run(call, samples, room);
      dense.compute(call.parameters, room.x.back().data(), room.dense);
      float* to = output + samples.first * spec.dense.outputs;
      for (int lane = 0; lane < samples.lanes(); lane++)
        for (int64_t o = 0; o < spec.dense.outputs; o++) *to++ = dense.value(room.dense, o, lane);
    });
  }

  // Returns the loss for `targets`, (size, target), and its gradients in `gradients`, (parameters,).
  double differentiate(const Call& call, const float* targets, float* gradients) {
    begin(call, true, true);
    int64_t blocks = (call.size + LANES - 1) / LANES, count = spec.parameters;
    parts.assign(blocks * count, 0.f);
    std::vector<double> losses(blocks);
    share_blocks(call, [&](const Samples& samples, Room& room, int64_t block) {
      run(call, samples, room);
      const Lanes* x = room.x.back().data();
      dense.compute(call.parameters, x, room.dense);
      losses[block] = dense.compare(samples, targets, room.dense);
      dense.differentiate(call.parameters, x, room.dense, &parts[block * count], room.d_x.back().data());
      go_back(room, &parts[block * count]);
    });
    double loss = 0;
    memset(gradients, 0, count * sizeof *gradients);
    for (int64_t block = 0; block < blocks; block++) {
      loss += losses[block];
      for (int64_t i = 0; i < count; i++) gradients[i] += parts[block * count + i];
    }
    for (const Stage& stage : stages)
      for (const Layer& layer : stage.layers) layer.unscale(gradients);
    return loss / (call.size * spec.dense.outputs);
  }

 private:
  NetworkSpec spec;
  std::vector<Stage> stages;
  Dense dense;
  std::vector<std::unique_ptr<Room>> rooms;
  std::vector<float> parts;
  bool training = false;
  int64_t step = 0;

  int64_t width() const {
    int64_t width = 0;
    for (int64_t d = 0; d < stages.back().spec.directions; d++) width += stages.back().spec.layers[d].units;
    return width;
  }

  // Timesteps of stage i's input; after the last stage, the one timestep that the dense units read.
  int64_t steps_at(int64_t i) const { return i < spec.stages ? stages[i].steps : 1; }
  int64_t stride_at(int64_t i) const { return pad(i < spec.stages ? stages[i].features() : width()); }
  Steps x_of(Room& room, int64_t i) const { return {room.x[i].data(), stride_at(i)}; }
  Steps d_x_of(Room& room, int64_t i) const { return {i ? room.d_x[i].data() : nullptr, stride_at(i)}; }

  void begin(const Call& call, bool train, bool keep) {
    training = train, step = call.step;
    for (int64_t i = 0; i < spec.stages; i++) {
      if (stages[i].is(CONVOLUTION)) stages[i].convolution.prepare(call.parameters, keep && i > 0);
      for (Layer& layer : stages[i].layers) layer.prepare(call.parameters, train, keep, step, steps_at(i), i > 0);
    }
    rooms.resize(std::max<int64_t>(call.threads, rooms.size()));
  }

  void make_room(Room& room) const {
    size_t used = 0;
    for (auto* part : {&room.x, &room.d_x}) part->resize(spec.stages + 1);
    room.given_bits.resize(spec.stages + 1);
    dense.make_room(room.dense);
    for (int64_t i = 0; i <= spec.stages; i++) {
      for (auto* part : {&room.x, &room.d_x}) (*part)[i].resize(steps_at(i) * stride_at(i));
      room.given_bits[i].resize(steps_at(i) * stride_at(i));
    }
    for (const Stage& stage : stages)
      for (const Layer& layer : stage.layers) {
        if (room.layers.size() == used) room.layers.emplace_back();
        layer.make_room(room.layers[used++]);
      }
  }

  template <class Work>
  void share_blocks(const Call& call, const Work& work) {
    int64_t blocks = (call.size + LANES - 1) / LANES, threads = std::min(call.threads, blocks);
    for (int64_t i = 0; i < threads; i++) {  // here, because helper threads cannot report a lack of memory
      if (!rooms[i]) rooms[i] = std::make_unique<Room>();
      make_room(*rooms[i]);
    }
    std::atomic<int64_t> next{0};
    auto take_blocks = [&](Room& room) {
      FlushDenormals here;
      for (int64_t block; (block = next++) < blocks;) work(Samples{block * LANES, call.size, call.draws}, room, block);
    };
    std::vector<std::thread> helpers;
    try {
      for (int64_t i = 1; i < threads; i++) helpers.emplace_back(take_blocks, std::ref(*rooms[i]));
    } catch (const std::system_error&) {  // the system grants no more threads: the existing ones do all the work
    }
    take_blocks(*rooms[0]);
    for (auto& helper : helpers) helper.join();
  }

  void run(const Call& call, const Samples& samples, Room& room) const {
    LayerRoom* layer_room = room.layers.data();
    for (int64_t i = 0; i < spec.stages; i++) {
      Steps x = x_of(room, i), output = x_of(room, i + 1);
      Ready ready = prepare_input(i, call, samples, room);
      for (int64_t t = 0; !stages[i].is(RECURRENT) && t < steps_at(i); t++) ready(t);
      if (stages[i].is(CONVOLUTION))
        stages[i].convolution.run(x, output, room.read);
      else if (!stages[i].is(RECURRENT))
        stages[i].pooling().run(x, output);
      for (const Layer& layer : stages[i].layers) {
        layer.run(*layer_room++, samples, x, {output, (bool)stages[i].spec.every_state}, ready);
        output.data += layer.spec.units;
        ready = [](int64_t) {};  // for a second layer all timesteps are ready
      }
    }
    drop_given(spec.stages, 0, samples, room);
  }

  // Returns a function that makes timestep t of stage i's input ready: gathers it and multiplies it by its masks.
  Ready prepare_input(int64_t i, const Call& call, const Samples& samples, Room& room) const {
    const int64_t features = stages[0].features(), stride = call.stride * features;
    const int64_t ahead = (stages[0].reads_backwards() ? -AHEAD : AHEAD) * stride;
    std::array<const float*, LANES> first;
    for (int lane = 0; lane < LANES; lane++) first[lane] = call.rows + call.starts[samples.at(lane)] * features;
    return [=, &samples, &room](int64_t t) {
      float* to = (float*)x_of(room, i).at(t);
      for (int lane = 0; i == 0 && lane < LANES; lane++) {
        const float* row = first[lane] + t * stride;
        __builtin_prefetch(row + ahead), __builtin_prefetch(row + ahead + features - 1);  // harmless if outside
        for (int64_t k = 0; k < features; k++) to[k * LANES + lane] = row[k];
      }
      drop_given(i, t, samples, room);
    };
  }

  const MaskSpec& given_spec(int64_t i) const { return i < spec.stages ? stages[i].spec.given : spec.returned; }
  bool given_anew(int64_t i) const { return i < spec.stages && stages[i].spec.given_per_step; }
  int64_t width_at(int64_t i) const { return i < spec.stages ? stages[i].features() : width(); }

  // Multiplies timestep t of stage i's input by its masks, drawn for each timestep, or once when the first one is read.
  void drop_given(int64_t i, int64_t t, const Samples& samples, Room& room) const {
    const MaskSpec& masks = given_spec(i);
    if (!training || !masks.count) return;
    const bool first = t == (i < spec.stages && stages[i].reads_backwards() ? steps_at(i) - 1 : 0);
    if (given_anew(i))
      draw_masks(masks, step, samples, steps_at(i), t, width_at(i), &room.given_bits[i][t * width_at(i)]);
    else if (first)
      draw_masks(masks, step, samples, 1, 0, width_at(i), room.given_bits[i].data());
    multiply_given(i, t, x_of(room, i), room);
  }

  void multiply_given(int64_t i, int64_t t, Steps steps, const Room& room) const {
    const MaskSpec& masks = given_spec(i);
    if (!masks.count) return;
    for (int64_t k = 0; k < width_at(i); k++)
      for (int v = 0; v < VECS; v++) {
        Vec& value = steps.at(t)[k][v];
        value = keep(room.given_bits[i][(given_anew(i) ? t * width_at(i) : 0) + k], v, value * (float)masks.kept);
      }
  }

  void go_back(Room& room, float* gradients) const {
    LayerRoom* layer_room = room.layers.data() + room.layers.size();
    for (int64_t i = spec.stages; i-- > 0;) {
      const Stage& stage = stages[i];
      Steps d_output = d_x_of(room, i + 1);
      for (int64_t t = 0; t < steps_at(i + 1); t++) multiply_given(i + 1, t, d_output, room);
      if (i > 0) std::fill(room.d_x[i].begin(), room.d_x[i].end(), Lanes{});
      const Steps x = x_of(room, i), output = x_of(room, i + 1), d_x = d_x_of(room, i);
      if (stage.is(CONVOLUTION))
        stage.convolution.differentiate(x, output, d_output, d_x, room.read, room.tile, gradients);
      else if (!stage.is(RECURRENT))
        stage.pooling().differentiate(x, d_output, d_x);
      d_output.data += width_at(i + 1);
      for (auto layer = stage.layers.rbegin(); layer != stage.layers.rend(); layer++) {
        d_output.data -= layer->spec.units;
        layer->differentiate(*--layer_room, x, {d_output, (bool)stage.spec.every_state}, d_x, gradients);
      }
    }
  }
};

extern "C" {
// Returns null if there is not enough memory.
Network* network_create(const NetworkSpec& spec) try {
  return new Network(spec);
} catch (const std::bad_alloc&) {
  return nullptr;
}

void network_free(Network* network) { delete network; }

// Both return 0, or 1 if there is not enough memory.
int64_t network_predict(Network* network, const Call& call, float* output) try {
  network->predict(call, output);
  return 0;
} catch (const std::bad_alloc&) {
  return 1;
}

int64_t network_differentiate(Network* network, const Call& call, const float* targets, float* gradients,
                              double* loss) try {
  *loss = network->differentiate(call, targets, gradients);
  return 0;
} catch (const std::bad_alloc&) {
  return 1;
}

// Draws as tf.random.stateless_uniform((count,), (seed, step), minval, maxval, tf.int64, alg="philox") does.
void random_integers(int64_t seed, int64_t step, int64_t minval, int64_t maxval, int64_t count, int64_t* out) {
  Generator generator = Generator::from_seed(seed, step);
  uint32_t words[4];
  for (int64_t i = 0; i < count; i++) {
    if (i % 2 == 0) generator.draw(i / 2, words);
    uint64_t bits = words[i % 2 * 2] | (uint64_t)words[i % 2 * 2 + 1] << 32;
    out[i] = minval + (int64_t)(bits % (uint64_t)(maxval - minval));
  }
}

// The bare arithmetic of networks, for comparison.
void floor_multiply_adds(int64_t count) { work_multiply_adds(count); }
void floor_activations(int64_t sigmoids, int64_t tanhs) { work_activations(sigmoids, tanhs); }

// Mask i of a spec in a training call, (size, timesteps, units), as 0 and 1.
void random_mask(const MaskSpec& spec, int64_t step, int64_t size, int64_t timesteps, int64_t units, uint8_t* out) {
  std::vector<Bits> bits(spec.count * units);
  for (int64_t first = 0; first < size; first += LANES)
    for (int64_t t = 0; t < timesteps; t++) {
      Samples samples = {first, size};
      draw_masks(spec, step, samples, timesteps, t, units, bits.data());
      for (int64_t i = 0; i < spec.count; i++)
        for (int lane = 0; lane < samples.lanes(); lane++)
          for (int64_t u = 0; u < units; u++)
            out[((i * size + first + lane) * timesteps + t) * units + u] = bits[i * units + u] >> lane & 1;
    }
}
}
