// A BERT encoder (Devlin et al., 2018) on packed rows, for processors with AVX-512.
//
// It computes what a classifier needs: the last hidden state of each row's first token. In the last
// layer, only keys and values are computed of the other tokens. Everything between two matrix
// products stays in the cache of the core that made it.
#include <omp.h>

#include <chrono>
#include <string_view>
#include <vector>

#include "attention.h"

namespace emotion {

constexpr int BLOCK = 48;          // tokens that go through a layer together
constexpr int CHUNK_TOKENS = 256;  // tokens of the rows that one thread takes by itself

// Sizes and weights as the caller holds them: float32, row-major; `layers` is 16 pointers a layer
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

// The threads that work on one chunk, and what one of them is among them.
struct Team {
  int rank = 0;
  int size = 1;
  void wait() const {
    if (size > 1) {
#pragma omp barrier
    }
  }
};

// What a thread does: bias, GELU and residual are part of the linear layers.
enum Part { LINEAR, ATTENTION, BETWEEN, WAITING, NUM_PARTS };

// A thread's nanoseconds, lap by lap.
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
  const int64_t* offsets;  // [num_rows + 1], the rows' places in the stream
  int num_rows;
  int num_tokens() const { return static_cast<int>(offsets[num_rows] - offsets[0]); }
};

// States of the tokens of a chunk, shared by its team.
template <class P>
struct ChunkRoom {
  Buffer<float> hidden;                // [tokens][hidden]
  Buffer<typename P::Element> inputs;  // the same, as left factors of the next product
  Buffer<typename P::Element> states;  // [tokens][3][hidden]: queries, keys, values
  Buffer<float> context;               // [tokens][hidden]

  void reserve(size_t num_tokens, size_t hidden_size) {
    hidden.reserve(num_tokens * hidden_size);
    inputs.reserve(num_tokens * hidden_size);
    states.reserve(num_tokens * 3 * hidden_size);
    context.reserve(num_tokens * hidden_size);
  }
};

// What one thread needs for a block of tokens.
template <class P>
struct BlockRoom {
  AttentionRoom<P> attention;
  Buffer<float> intermediate;          // [BLOCK][intermediate]
  Buffer<typename P::Element> inputs;  // the same, as left factors of the next product
  Buffer<float> first_context;         // [BLOCK][hidden], of rows' first tokens
  Buffer<typename P::Element> first_inputs;
  Stopwatch stopwatch;

  void reserve(int longest_row, int head_dim, size_t hidden_size, size_t intermediate_size) {
    attention.reserve(longest_row, head_dim);
    intermediate.reserve(BLOCK * intermediate_size);
    inputs.reserve(BLOCK * intermediate_size);
    first_context.reserve(BLOCK * hidden_size);
    first_inputs.reserve(BLOCK * hidden_size);
  }
};

class AnyEncoder {
 public:
  virtual ~AnyEncoder() = default;
  virtual void run(
      const int64_t* ids, const int64_t* positions, const int64_t* offsets, int num_rows,
      int num_threads, float* pooled) = 0;

  int64_t nanoseconds[NUM_PARTS] = {};  // of all threads, in all runs
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

  void run(
      const int64_t* ids, const int64_t* positions, const int64_t* offsets, int num_rows,
      int num_threads, float* pooled) override {
    const std::vector<int> starts = cut(offsets, num_rows, num_threads);
    const int num_chunks = static_cast<int>(starts.size()) - 1;
    // Few chunks would leave threads idle at the end: then all of them share every chunk.
    const bool is_shared = num_threads > 1 && num_chunks < 3 * num_threads;
    // All memory is taken here, where it may run out without ending the process.
    std::vector<BlockRoom<P>> block_rooms(num_threads);
    std::vector<ChunkRoom<P>> chunk_rooms(is_shared ? 1 : num_threads);
    for (auto& room : block_rooms)
      room.reserve(longest(offsets, num_rows), head_dim_, hidden_, intermediate_);
    for (auto& room : chunk_rooms)
      room.reserve(is_shared ? offsets[num_rows] : longest(offsets, starts), hidden_);
#pragma omp parallel num_threads(num_threads)
    {
      const int rank = omp_get_thread_num();
      if (is_shared) {
        const Team team{rank, omp_get_num_threads()};
        encode(
            {offsets, num_rows}, ids, positions, pooled, chunk_rooms[0], block_rooms[rank], team);
      } else {
#pragma omp for schedule(dynamic, 1)
        for (int i = num_chunks - 1; i >= 0; --i) {
          const Chunk chunk{offsets + starts[i], starts[i + 1] - starts[i]};
          encode(
              chunk, ids, positions, pooled + static_cast<size_t>(starts[i]) * hidden_,
              chunk_rooms[rank], block_rooms[rank], Team{});
        }
      }
    }
    for (const auto& room : block_rooms)
      for (int part = 0; part < NUM_PARTS; ++part)
        nanoseconds[part] += room.stopwatch.nanoseconds[part];
  }

 private:
  // Whole rows in chunks: small enough to share out evenly, large enough to use a weight often.
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
      ChunkRoom<P>& room, BlockRoom<P>& own, const Team& team) const {
    const int num_tokens = chunk.num_tokens();
    const int64_t start = chunk.offsets[0];
    own.stopwatch.start();
    over_blocks(num_tokens, team, [&](int first, int last) {
      for (int t = first; t < last; ++t) embed(ids[start + t], positions[start + t], room, t);
      own.stopwatch.lap(BETWEEN);
      project(layers_[0], room, own, first, last, 0);
    });
    wait(team, own);
    for (size_t i = 0; i + 1 < layers_.size(); ++i) {
      attend_all(chunk, room, own, team);
      wait(team, own);
      const bool is_next_last = i + 2 == layers_.size();
      over_blocks(num_tokens, team, [&](int first, int last) {
        finish_layer(layers_[i], room, own, first, last);
        project(layers_[i + 1], room, own, first, last, is_next_last ? hidden_ : 0);
      });
      wait(team, own);
    }
    pool(chunk, room, own, team, pooled);
  }

  static void wait(const Team& team, BlockRoom<P>& own) {
    team.wait();
    own.stopwatch.lap(WAITING);
  }

  // Blocks of tokens, shared out in the team.
  template <class Do>
  void over_blocks(int num_tokens, const Team& team, Do&& work) const {
    const int num_rounds = (num_tokens + BLOCK * team.size - 1) / (BLOCK * team.size);
    const int num_blocks = std::min(num_tokens, num_rounds * team.size);
    for (int b = team.rank; b < num_blocks; b += team.size)
      work(
          static_cast<int>(static_cast<int64_t>(num_tokens) * b / num_blocks),
          static_cast<int>(static_cast<int64_t>(num_tokens) * (b + 1) / num_blocks));
  }

  void embed(int64_t id, int64_t position, ChunkRoom<P>& room, int token) const {
    float* hidden = at(room.hidden, token);
    const float* word = words_.data() + id * hidden_;
    const float* place = positions_.data() + position * hidden_;
    for (int i = 0; i < hidden_; i += LANES)
      store(hidden + i, _mm512_add_ps(load(word + i), load(place + i)));
    normalize(hidden, hidden_, norm_.weight.data(), norm_.bias.data(), epsilon_);
    P::encode(hidden, hidden_, at(room.inputs, token));
  }

  // Queries, keys and values; without the queries from column `hidden_` on.
  void project(
      const Layer<P>& layer, ChunkRoom<P>& room, BlockRoom<P>& own, int first, int last,
      int first_column) const {
    typename P::Element* states = room.states.get() + static_cast<size_t>(first) * 3 * hidden_;
    layer.query_key_value.apply(
        last - first, at(room.inputs, first), first_column, 3 * hidden_,
        [&](int row, int column, Floats x) {
          float sixteen[LANES];
          store(sixteen, x);
          P::encode(sixteen, LANES, states + static_cast<size_t>(row) * 3 * hidden_ + column);
        });
    own.stopwatch.lap(LINEAR);
  }

  void attend_all(
      const Chunk& chunk, ChunkRoom<P>& room, BlockRoom<P>& own, const Team& team) const {
    const int num_heads = hidden_ / head_dim_;
    for (int item = team.rank; item < chunk.num_rows * num_heads; item += team.size) {
      const int row = item / num_heads, column = item % num_heads * head_dim_;
      const int64_t start = chunk.offsets[row] - chunk.offsets[0];
      const int length = static_cast<int>(chunk.offsets[row + 1] - chunk.offsets[row]);
      attend<P>(
          room.states.get() + start * 3 * hidden_ + column, at(room.context, start) + column,
          length, 0, length, hidden_, head_dim_, own.attention);
    }
    own.stopwatch.lap(ATTENTION);
  }

  // From the context of attention to the layer's output, for a block of tokens.
  void finish_layer(
      const Layer<P>& layer, ChunkRoom<P>& room, BlockRoom<P>& own, int first, int last) const {
    finish(
        layer, at(room.context, first), at(room.hidden, first), at(room.inputs, first), own,
        last - first);
  }

  void finish(
      const Layer<P>& layer, const float* context, float* hidden, typename P::Element* inputs,
      BlockRoom<P>& own, int num_tokens) const {
    const auto add = [&](int row, int column, Floats x) {
      float* target = hidden + static_cast<size_t>(row) * hidden_ + column;
      store(target, _mm512_add_ps(load(target), x));
    };
    const auto encode_all = [&](const float* rows, int size, typename P::Element* target) {
      for (int t = 0; t < num_tokens; ++t)
        P::encode(
            rows + static_cast<size_t>(t) * size, size, target + static_cast<size_t>(t) * size);
    };
    const auto normalize_all = [&](const Norm& norm) {
      for (int t = 0; t < num_tokens; ++t)
        normalize(
            hidden + static_cast<size_t>(t) * hidden_, hidden_, norm.weight.data(),
            norm.bias.data(), epsilon_);
    };
    encode_all(context, hidden_, inputs);
    own.stopwatch.lap(BETWEEN);
    layer.attention_output.apply(num_tokens, inputs, 0, hidden_, add);
    own.stopwatch.lap(LINEAR);
    normalize_all(layer.attention_norm);
    encode_all(hidden, hidden_, inputs);
    own.stopwatch.lap(BETWEEN);
    layer.intermediate.apply(
        num_tokens, inputs, 0, intermediate_, [&](int row, int column, Floats x) {
          store(
              own.intermediate.get() + static_cast<size_t>(row) * intermediate_ + column, gelu(x));
        });
    own.stopwatch.lap(LINEAR);
    encode_all(own.intermediate.get(), intermediate_, own.inputs.get());
    own.stopwatch.lap(BETWEEN);
    layer.output.apply(num_tokens, own.inputs.get(), 0, hidden_, add);
    own.stopwatch.lap(LINEAR);
    normalize_all(layer.output_norm);
    encode_all(hidden, hidden_, inputs);
    own.stopwatch.lap(BETWEEN);
  }

  // The last layer, for the first token of each row.
  void pool(
      const Chunk& chunk, ChunkRoom<P>& room, BlockRoom<P>& own, const Team& team,
      float* pooled) const {
    const Layer<P>& layer = layers_.back();
    over_blocks(chunk.num_rows, team, [&](int first, int last) {
      float* hidden = pooled + static_cast<size_t>(first) * hidden_;
      for (int row = first; row < last; ++row) {
        const int64_t token = chunk.offsets[row] - chunk.offsets[0];
        const int length = static_cast<int>(chunk.offsets[row + 1] - chunk.offsets[row]);
        std::memcpy(
            pooled + static_cast<size_t>(row) * hidden_, at(room.hidden, token),
            hidden_ * sizeof(float));
        own.stopwatch.lap(BETWEEN);
        project_query(layer, room, token);
        own.stopwatch.lap(LINEAR);
        for (int column = 0; column < hidden_; column += head_dim_)
          attend<P>(
              room.states.get() + token * 3 * hidden_ + column,
              at(own.first_context, row - first) + column, length, 0, 1, hidden_, head_dim_,
              own.attention);
        own.stopwatch.lap(ATTENTION);
      }
      finish(layer, own.first_context.get(), hidden, own.first_inputs.get(), own, last - first);
    });
  }

  void project_query(const Layer<P>& layer, ChunkRoom<P>& room, int64_t token) const {
    typename P::Element* states = room.states.get() + token * 3 * hidden_;
    layer.query_key_value.apply(
        1, at(room.inputs, token), 0, hidden_, [&](int, int column, Floats x) {
          float sixteen[LANES];
          store(sixteen, x);
          P::encode(sixteen, LANES, states + column);
        });
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
    if (name == "bfloat16")
      encoder = new Encoder<Bfloat16>(*description, vocabulary, num_positions);
  } catch (const std::bad_alloc&) {
  }
  return encoder;
}

int emotion_encoder_run(
    void* encoder, const int64_t* ids, const int64_t* positions, const int64_t* offsets,
    int64_t num_rows, int64_t num_threads, float* pooled) {
  try {
    static_cast<emotion::AnyEncoder*>(encoder)->run(
        ids, positions, offsets, static_cast<int>(num_rows), static_cast<int>(num_threads), pooled);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

// Where the time went in all runs so far: nanoseconds of all threads, in the order of `Part`.
void emotion_encoder_times(const void* encoder, int64_t* nanoseconds) {
  using namespace emotion;
  std::copy_n(static_cast<const AnyEncoder*>(encoder)->nanoseconds, +NUM_PARTS, nanoseconds);
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
