// A BERT encoder (Devlin et al., 2018) on packed rows.
//
// It computes what a classifier needs: the last hidden state of each row's first token. Of the
// other tokens, the last layer computes only keys and values.
#include <atomic>
#include <chrono>
#include <string_view>
#include <vector>

#include "attention.h"
#include "threads.h"

namespace emotion {

constexpr int INTERFACE = 3;       // version of the functions below; instructions.py expects it
constexpr int BLOCK = 48;          // tokens that go through a layer together
constexpr int CHUNK_TOKENS = 256;  // tokens of the rows that one thread computes alone

// Sizes and weights in the caller's memory: float32, row-major; `layers` has 16 pointers per layer
// in the order of `Layer`'s constructor.
struct Description {
  int64_t num_layers, hidden_size, num_heads, intermediate_size;
  float epsilon;
  const float* words;      // [vocabulary][hidden]
  const float* positions;  // [positions][hidden], token type 0 added
  const float* norm_weight;
  const float* norm_bias;
  const float* const* layers;
};

struct Norm {
  Norm(const float* weight, const float* bias, int size)
      : weight(weight, weight + size), bias(bias, bias + size) {}
  std::vector<float> weight, bias;
};

template <class P>
struct Layer {
  Layer(const Description& d, const float* const* w)
      : query_key_value(join(d, w)),
        attention_output(d.hidden_size, d.hidden_size, w[6], w[7]),
        attention_norm(w[8], w[9], d.hidden_size),
        intermediate(d.intermediate_size, d.hidden_size, w[10], w[11]),
        output(d.hidden_size, d.intermediate_size, w[12], w[13]),
        output_norm(w[14], w[15], d.hidden_size) {}

  static Linear<P> join(const Description& d, const float* const* w) {
    const size_t size = d.hidden_size;
    std::vector<float> weight, bias;
    for (int part = 0; part < 3; ++part) {
      weight.insert(weight.end(), w[2 * part], w[2 * part] + size * size);
      bias.insert(bias.end(), w[2 * part + 1], w[2 * part + 1] + size);
    }
    return Linear<P>(3 * size, size, weight.data(), bias.data());
  }

  Linear<P> query_key_value, attention_output;
  Norm attention_norm;
  Linear<P> intermediate, output;
  Norm output_norm;
};

// The threads that work on one chunk, as one of them sees them.
struct Team {
  int rank = 0;
  int size = 1;
  Barrier* barrier = nullptr;
};

// Kinds of work; bias, GELU and residual are part of the linear layers.
enum Part { LINEAR, ATTENTION, BETWEEN, WAITING, NUM_PARTS };

// A thread's nanoseconds by kind of work.
class Stopwatch {
 public:
  void start() { last_ = now(); }
  void lap(Part part) {
    const int64_t time = now();
    nanoseconds[part] += time - last_;
    last_ = time;
  }
  int64_t nanoseconds[NUM_PARTS] = {};

 private:
  static int64_t now() {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  int64_t last_ = 0;
};

// Rows of one chunk, in the stream of the batch.
struct Chunk {
  const int64_t* offsets;  // [num_rows + 1], where the rows begin and end in the stream
  int num_rows;
  int num_tokens() const { return static_cast<int>(offsets[num_rows] - offsets[0]); }
  int64_t first_token(int row) const { return offsets[row] - offsets[0]; }
  int length(int row) const { return static_cast<int>(offsets[row + 1] - offsets[row]); }
};

// A team's buffers for its chunk.
template <class P>
struct ChunkRoom {
  Buffer<float> hidden;                      // [tokens][hidden]
  Buffer<typename P::Element> inputs;        // [tokens][hidden], left factors of the next product
  Buffer<typename P::Element> states;        // [tokens][3][hidden]: queries, keys, values
  Buffer<typename P::Element> intermediate;  // [tokens of a block][intermediate]
  Buffer<typename P::Element> first_inputs;  // [rows][hidden], as `inputs`, of their first tokens

  void reserve(size_t num_tokens, size_t block, size_t hidden_size, size_t intermediate_size) {
    hidden.reserve(num_tokens * hidden_size);
    inputs.reserve(num_tokens * hidden_size);
    states.reserve(num_tokens * 3 * hidden_size);
    intermediate.reserve(block * intermediate_size);
    first_inputs.reserve(num_tokens * hidden_size);
  }
};

// A thread's own buffers.
template <class P>
struct ThreadRoom {
  AttentionRoom<P> attention;
  Stopwatch stopwatch;
};

class AnyEncoder {
 public:
  virtual ~AnyEncoder() = default;
  // Whether all ids and positions have an embedding.
  virtual bool knows(
      const int64_t* ids, const int64_t* positions, const int64_t* offsets, int num_rows) const = 0;
  virtual void run(
      const int64_t* ids, const int64_t* positions, const int64_t* offsets, int num_rows,
      int num_threads, float* pooled) = 0;

  std::atomic<int64_t> nanoseconds[NUM_PARTS] = {};  // of all threads, in all runs
};

template <class P>
class Encoder : public AnyEncoder {
 public:
  Encoder(const Description& d, int64_t vocabulary, int64_t num_positions)
      : hidden_(d.hidden_size),
        head_dim_(d.hidden_size / d.num_heads),
        intermediate_(d.intermediate_size),
        epsilon_(d.epsilon),
        words_(d.words, d.words + vocabulary * d.hidden_size),
        positions_(d.positions, d.positions + num_positions * d.hidden_size),
        norm_(d.norm_weight, d.norm_bias, d.hidden_size) {
    for (int64_t i = 0; i < d.num_layers; ++i) layers_.emplace_back(d, d.layers + 16 * i);
  }

  bool knows(const int64_t* ids, const int64_t* positions, const int64_t* offsets, int num_rows)
      const override {
    const auto has = [&](const std::vector<float>& table, int64_t i) {
      return i >= 0 && i < static_cast<int64_t>(table.size()) / hidden_;
    };
    for (int64_t t = offsets[0]; t < offsets[num_rows]; ++t)
      if (!has(words_, ids[t]) || !has(positions_, positions[t])) return false;
    return true;
  }

  void run(
      const int64_t* ids, const int64_t* positions, const int64_t* offsets, int num_rows,
      int num_threads, float* pooled) override {
    const std::vector<int> starts = cut(offsets, num_rows, num_threads);
    const int num_chunks = static_cast<int>(starts.size()) - 1;
    // With few chunks, threads would be idle at the end; instead, all work on the whole together.
    const bool is_shared = num_threads > 1 && num_chunks < 3 * num_threads;
    // Allocate everything here, where bad_alloc can be caught: in a thread it ends the process.
    std::vector<ThreadRoom<P>> own_rooms(num_threads);
    for (auto& own : own_rooms) own.attention.reserve(longest(offsets, num_rows), head_dim_);
    std::vector<ChunkRoom<P>> rooms(is_shared ? 1 : num_threads);
    const int num_tokens = Chunk{offsets, num_rows}.num_tokens();
    for (auto& room : rooms)
      if (is_shared)
        room.reserve(num_tokens, num_tokens, hidden_, intermediate_);
      else
        room.reserve(longest(offsets, starts), BLOCK, hidden_, intermediate_);
    Barrier barrier;
    Cores cores;
    std::atomic<int> num_left{num_chunks};
    run_threads(num_threads, [&](int rank, int size) {
      if (size > 1) cores.spread();
      if (is_shared) {
        const Team team{rank, size, &barrier};
        encode({offsets, num_rows}, ids, positions, pooled, rooms[0], own_rooms[rank], team);
        return;
      }
      for (int i = --num_left; i >= 0; i = --num_left) {
        const Chunk chunk{offsets + starts[i], starts[i + 1] - starts[i]};
        encode(
            chunk, ids, positions, pooled + static_cast<size_t>(starts[i]) * hidden_, rooms[rank],
            own_rooms[rank], Team{});
      }
    });
    for (const auto& own : own_rooms)
      for (int part = 0; part < NUM_PARTS; ++part)
        nanoseconds[part] += own.stopwatch.nanoseconds[part];
  }

 private:
  // Cuts into chunks of whole rows: small enough to balance, large enough to reuse weights.
  static std::vector<int> cut(const int64_t* offsets, int num_rows, int num_threads) {
    const int64_t fair = offsets[num_rows] / (4 * num_threads);
    const int64_t limit = std::clamp<int64_t>(fair, BLOCK, CHUNK_TOKENS);
    std::vector<int> starts{0};
    for (int i = 1; i < num_rows; ++i)
      if (offsets[i + 1] - offsets[starts.back()] > limit) starts.push_back(i);
    starts.push_back(num_rows);
    return starts;
  }

  // Tokens of the longest row, and of the longest chunk.
  static int longest(const int64_t* offsets, int num_rows) {
    int64_t most = 0;
    for (int i = 0; i < num_rows; ++i) most = std::max(most, offsets[i + 1] - offsets[i]);
    return static_cast<int>(most);
  }
  static int longest(const int64_t* offsets, const std::vector<int>& starts) {
    int64_t most = 0;
    for (size_t i = 0; i + 1 < starts.size(); ++i)
      most = std::max(most, offsets[starts[i + 1]] - offsets[starts[i]]);
    return static_cast<int>(most);
  }

  void encode(
      const Chunk& chunk, const int64_t* ids, const int64_t* positions, float* pooled,
      ChunkRoom<P>& room, ThreadRoom<P>& own, const Team& team) const {
    const int num_tokens = chunk.num_tokens();
    const int64_t start = chunk.offsets[0];
    own.stopwatch.start();
    share(num_tokens, team, [&](int t) { embed(ids[start + t], positions[start + t], room, t); });
    end(BETWEEN, team, own);
    over_blocks(num_tokens, team, [&](int first, int last) {
      project(layers_[0], room, first, last, 0, team);
    });
    end(LINEAR, team, own);
    for (size_t i = 0; i + 1 < layers_.size(); ++i) {
      attend_all(chunk, room, own, team);
      end(ATTENTION, team, own);
      const bool is_next_last = i + 2 == layers_.size();
      over_blocks(num_tokens, team, [&](int first, int last) {
        finish(
            layers_[i], at(room.hidden, first), at(room.inputs, first), last - first, room, own,
            team);
        project(layers_[i + 1], room, first, last, is_next_last ? hidden_ : 0, team);
        end(LINEAR, team, own);
      });
    }
    over_blocks(chunk.num_rows, team, [&](int first, int last) {
      pool(chunk, first, last, pooled, room, own, team);
    });
  }

  // Calls `work` for blocks of tokens, in order. A single thread takes small blocks, which stay in
  // its cache. A team takes all tokens at once, so that only one thread reads each weight.
  template <class Do>
  static void over_blocks(int num_tokens, const Team& team, Do&& work) {
    const int num_blocks = team.size > 1 ? 1 : (num_tokens + BLOCK - 1) / BLOCK;
    for (int b = 0; b < num_blocks; ++b)
      work(num_tokens * b / num_blocks, num_tokens * (b + 1) / num_blocks);
  }

  // Divides items among the team.
  template <class Do>
  static void share(int num_items, const Team& team, Do&& work) {
    const int first = num_items * team.rank / team.size;
    const int last = num_items * (team.rank + 1) / team.size;
    for (int i = first; i < last; ++i) work(i);
  }

  // Ends a step: afterwards, the whole team may read its results.
  static void end(Part part, const Team& team, ThreadRoom<P>& own) {
    own.stopwatch.lap(part);
    if (team.size == 1) return;
    team.barrier->wait(team.size);
    own.stopwatch.lap(WAITING);
  }

  // Computes a linear layer's outputs from `first_column` to `last_column`. The team divides panels
  // of outputs; with many tokens, or fewer panels than threads, also groups of tokens.
  template <class Finish>
  static void apply(
      const Linear<P>& linear, int num_tokens, const typename P::Element* left, int first_column,
      int last_column, const Team& team, Finish&& finish) {
    const int num_panels = (last_column - first_column) / PANEL;
    int num_groups = 1;
    if (team.size > 1)
      num_groups = std::min(
          num_tokens, std::max(
                          (num_tokens + CHUNK_TOKENS - 1) / CHUNK_TOKENS,
                          (team.size + num_panels - 1) / num_panels));
    share(num_groups * num_panels, team, [&](int item) {
      const int group = item / num_panels, column = first_column + item % num_panels * PANEL;
      const int first = num_tokens * group / num_groups;
      const int last = num_tokens * (group + 1) / num_groups;
      linear.apply(
          last - first, left + static_cast<size_t>(first) * linear.inputs, column,
          [&](int row, int c, Floats x) { finish(first + row, c, x); });
    });
  }

  void embed(int64_t id, int64_t position, ChunkRoom<P>& room, int token) const {
    float* hidden = at(room.hidden, token);
    const float* word = words_.data() + id * hidden_;
    const float* place = positions_.data() + position * hidden_;
    for (int i = 0; i < hidden_; i += LANES) store(hidden + i, load(word + i) + load(place + i));
    settle(norm_, hidden, at(room.inputs, token));
  }

  // Layer norm of a token, in place, and its result as left factors.
  void settle(const Norm& norm, float* hidden, typename P::Element* inputs) const {
    normalize(hidden, hidden_, norm.weight.data(), norm.bias.data(), epsilon_);
    emotion::encode<P>(hidden, hidden_, inputs);
  }

  // Queries, keys and values; `first_column` = `hidden_` leaves out the queries.
  void project(
      const Layer<P>& layer, ChunkRoom<P>& room, int first, int last, int first_column,
      const Team& team) const {
    typename P::Element* states = room.states.get() + static_cast<size_t>(first) * 3 * hidden_;
    apply(
        layer.query_key_value, last - first, at(room.inputs, first), first_column, 3 * hidden_,
        team, [&](int row, int column, Floats x) {
          P::encode(x, states + static_cast<size_t>(row) * 3 * hidden_ + column);
        });
  }

  void attend_all(
      const Chunk& chunk, ChunkRoom<P>& room, ThreadRoom<P>& own, const Team& team) const {
    const int num_heads = hidden_ / head_dim_;
    share(chunk.num_rows * num_heads, team, [&](int item) {
      const int row = item / num_heads, column = item % num_heads * head_dim_;
      const int64_t token = chunk.first_token(row);
      const int length = chunk.length(row);
      attend<P>(
          room.states.get() + token * 3 * hidden_ + column, at(room.inputs, token) + column, length,
          length, hidden_, head_dim_, own.attention);
    });
  }

  // From the context of attention, in `inputs`, to the layer's output, in `hidden` and `inputs`.
  void finish(
      const Layer<P>& layer, float* hidden, typename P::Element* inputs, int num_tokens,
      ChunkRoom<P>& room, ThreadRoom<P>& own, const Team& team) const {
    const auto add = [&](int row, int column, Floats x) {
      float* target = hidden + static_cast<size_t>(row) * hidden_ + column;
      store(target, load(target) + x);
    };
    const auto settle_all = [&](const Norm& norm) {
      share(num_tokens, team, [&](int t) {
        const size_t place = static_cast<size_t>(t) * hidden_;
        settle(norm, hidden + place, inputs + place);
      });
      end(BETWEEN, team, own);
    };
    apply(layer.attention_output, num_tokens, inputs, 0, hidden_, team, add);
    end(LINEAR, team, own);
    settle_all(layer.attention_norm);
    typename P::Element* intermediate = room.intermediate.get();
    apply(
        layer.intermediate, num_tokens, inputs, 0, intermediate_, team,
        [&](int row, int column, Floats x) {
          P::encode(gelu(x), intermediate + static_cast<size_t>(row) * intermediate_ + column);
        });
    end(LINEAR, team, own);
    apply(layer.output, num_tokens, intermediate, 0, hidden_, team, add);
    end(LINEAR, team, own);
    settle_all(layer.output_norm);
  }

  // The last layer for the first tokens of some rows; their keys and values are computed already.
  void pool(
      const Chunk& chunk, int first, int last, float* pooled, ChunkRoom<P>& room,
      ThreadRoom<P>& own, const Team& team) const {
    const Layer<P>& layer = layers_.back();
    const int num_rows = last - first, num_heads = hidden_ / head_dim_;
    float* hidden = pooled + static_cast<size_t>(first) * hidden_;
    typename P::Element* inputs = room.first_inputs.get();
    share(num_rows, team, [&](int row) {
      const int64_t token = chunk.first_token(first + row);
      std::copy_n(at(room.hidden, token), hidden_, hidden + static_cast<size_t>(row) * hidden_);
      std::copy_n(at(room.inputs, token), hidden_, inputs + static_cast<size_t>(row) * hidden_);
    });
    end(BETWEEN, team, own);
    apply(
        layer.query_key_value, num_rows, inputs, 0, hidden_, team,
        [&](int row, int column, Floats x) {
          const int64_t token = chunk.first_token(first + row);
          P::encode(x, room.states.get() + token * 3 * hidden_ + column);
        });
    end(LINEAR, team, own);
    share(num_rows * num_heads, team, [&](int item) {
      const int row = item / num_heads, column = item % num_heads * head_dim_;
      attend<P>(
          room.states.get() + chunk.first_token(first + row) * 3 * hidden_ + column,
          inputs + static_cast<size_t>(row) * hidden_ + column, chunk.length(first + row), 1,
          hidden_, head_dim_, own.attention);
    });
    end(ATTENTION, team, own);
    finish(layer, hidden, inputs, num_rows, room, own, team);
  }

  template <class T>
  T* at(const Buffer<T>& rows, int64_t token) const {
    return rows.get() + token * hidden_;
  }

  int hidden_, head_dim_, intermediate_;
  float epsilon_;
  std::vector<float> words_, positions_;
  Norm norm_;
  std::vector<Layer<P>> layers_;
};

// Why the instructions of this build cannot be used; instructions.py has a sentence for each.
enum Obstacle { NO_OBSTACLE, NOT_GRANTED, WRONG_PRODUCT };

inline Obstacle find_obstacle() {
#ifdef EMOTION_HAS_TILES
  if (!tile::request()) return NOT_GRANTED;
  if (!tiles_are_right()) return WRONG_PRODUCT;
#endif
  return NO_OBSTACLE;
}

}  // namespace emotion

extern "C" {

void* emotion_encoder_create(
    const emotion::Description* description, int64_t vocabulary, int64_t num_positions,
    const char* precision) {
  using namespace emotion;
  const std::string_view name(precision);
  AnyEncoder* encoder = nullptr;
  try {
    if (name == "float32") encoder = new Encoder<Float32>(*description, vocabulary, num_positions);
#ifdef EMOTION_HAS_BFLOAT16
    if (name == "bfloat16")
      encoder = new Encoder<Bfloat16>(*description, vocabulary, num_positions);
#endif
  } catch (const std::bad_alloc&) {
  }
  return encoder;
}

int emotion_interface() { return emotion::INTERFACE; }

// The caller has checked that the processor has the instructions of this build.
int emotion_obstacle() { return emotion::find_obstacle(); }

// Returns 0 for success, 1 for no memory, 2 for an id or position out of range.
int emotion_encoder_run(
    void* encoder, const int64_t* ids, const int64_t* positions, const int64_t* offsets,
    int64_t num_rows, int64_t num_threads, float* pooled) {
  auto* own = static_cast<emotion::AnyEncoder*>(encoder);
  if (!own->knows(ids, positions, offsets, static_cast<int>(num_rows))) return 2;
  try {
    own->run(
        ids, positions, offsets, static_cast<int>(num_rows), static_cast<int>(num_threads), pooled);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

// Nanoseconds of all threads in all runs so far, in the order of `Part`.
void emotion_encoder_times(const void* encoder, int64_t* nanoseconds) {
  using namespace emotion;
  const auto& own = static_cast<const AnyEncoder*>(encoder)->nanoseconds;
  std::copy(std::begin(own), std::end(own), nanoseconds);
}

// A linear layer of the head: `results` is [num_rows][outputs].
void emotion_linear(
    const float* rows, const float* weight, const float* bias, int64_t num_rows, int64_t inputs,
    int64_t outputs, float* results) {
  for (int64_t row = 0; row < num_rows; ++row)
    for (int64_t n = 0; n < outputs; ++n)
      results[row * outputs + n] =
          bias[n] +
          emotion::dot(rows + row * inputs, weight + n * inputs, static_cast<int>(inputs));
}

void emotion_encoder_destroy(void* encoder) { delete static_cast<emotion::AnyEncoder*>(encoder); }
}
