// Random batches through the encoder, from several threads at once, each answer compared bit by bit
// with the same row's alone. test_sanitizers.py builds it with a sanitizer.
//
// Usage: random_batches <float32|bfloat16> <number of batches>. Exit code 1: an answer differs.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

struct Description {  // as in encoder.cpp
  int64_t num_layers, hidden_size, num_heads, intermediate_size;
  float epsilon;
  const float *words, *positions, *norm_weight, *norm_bias;
  const float* const* layers;
};

extern "C" {
int emotion_obstacle();
void* emotion_encoder_create(const Description*, int64_t, int64_t, const char*);
int emotion_encoder_run(
    void*, const int64_t*, const int64_t*, const int64_t*, int64_t, int64_t, float*);
void emotion_encoder_times(const void*, int64_t*);
void emotion_encoder_destroy(void*);
}

namespace {

constexpr int LAYERS = 2, HIDDEN = 64, HEADS = 2, INTERMEDIATE = 128, IDS = 50, POSITIONS = 40;
constexpr int NUM_ROWS = 60, NUM_CALLERS = 4, MOST_ROWS = 12, MOST_THREADS = 3;

class Weights {
 public:
  const float* draw(size_t size) {
    std::normal_distribution<float> normal(0.0f, 0.2f);
    kept_.emplace_back(size);
    for (float& x : kept_.back()) x = normal(random_);
    return kept_.back().data();
  }

 private:
  std::mt19937 random_{1};
  std::vector<std::vector<float>> kept_;
};

struct Batch {
  std::vector<int64_t> ids, positions, offsets{0};
  void add(const std::vector<int64_t>& row) {
    for (size_t i = 0; i < row.size(); ++i) {
      ids.push_back(row[i]);
      positions.push_back(static_cast<int64_t>(i));
    }
    offsets.push_back(static_cast<int64_t>(ids.size()));
  }
  std::vector<float> run(void* encoder, int num_threads) const {
    const int64_t num_rows = static_cast<int64_t>(offsets.size()) - 1;
    std::vector<float> pooled(num_rows * HIDDEN);
    if (emotion_encoder_run(
            encoder, ids.data(), positions.data(), offsets.data(), num_rows, num_threads,
            pooled.data()) != 0)
      std::abort();
    return pooled;
  }
};

void* create(const char* precision, Weights& weights) {
  constexpr size_t square = HIDDEN * HIDDEN, wide = HIDDEN * INTERMEDIATE;
  std::vector<const float*> layers;
  for (int i = 0; i < LAYERS; ++i)
    for (size_t size :
         {square, size_t{HIDDEN}, square, size_t{HIDDEN}, square, size_t{HIDDEN}, square,
          size_t{HIDDEN}, size_t{HIDDEN}, size_t{HIDDEN}, wide, size_t{INTERMEDIATE}, wide,
          size_t{HIDDEN}, size_t{HIDDEN}, size_t{HIDDEN}})
      layers.push_back(weights.draw(size));
  const Description description{
      LAYERS,
      HIDDEN,
      HEADS,
      INTERMEDIATE,
      1e-12f,
      weights.draw(IDS * HIDDEN),
      weights.draw(POSITIONS * HIDDEN),
      weights.draw(HIDDEN),
      weights.draw(HIDDEN),
      layers.data()};
  return emotion_encoder_create(&description, IDS, POSITIONS, precision);
}

}  // namespace

int main(int, char** arguments) {
  const int num_batches = std::atoi(arguments[2]);
  Weights weights;
  void* encoder = create(arguments[1], weights);
  if (!encoder || emotion_obstacle()) return 2;
  std::mt19937 random(2);
  std::vector<std::vector<int64_t>> rows(NUM_ROWS);
  std::vector<std::vector<float>> alone;
  for (auto& row : rows) {
    row.resize(1 + random() % POSITIONS);
    for (auto& id : row) id = random() % IDS;
    Batch batch;
    batch.add(row);
    alone.push_back(batch.run(encoder, 1));
  }
  std::vector<int> num_wrong(NUM_CALLERS);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < NUM_CALLERS; ++caller)
    callers.emplace_back([&, caller] {
      std::mt19937 own(100 + caller);
      for (int i = caller; i < num_batches; i += NUM_CALLERS) {
        Batch batch;
        std::vector<int> chosen(1 + own() % MOST_ROWS);
        for (int& row : chosen) batch.add(rows[row = static_cast<int>(own() % NUM_ROWS)]);
        const std::vector<float> found = batch.run(encoder, 1 + own() % MOST_THREADS);
        for (size_t row = 0; row < chosen.size(); ++row)
          num_wrong[caller] +=
              0 !=
              std::memcmp(&found[row * HIDDEN], alone[chosen[row]].data(), HIDDEN * sizeof(float));
        int64_t nanoseconds[4];
        emotion_encoder_times(encoder, nanoseconds);
      }
    });
  for (auto& caller : callers) caller.join();
  emotion_encoder_destroy(encoder);
  int total = 0;
  for (int count : num_wrong) total += count;
  std::printf("%d batches, %d rows differ from themselves alone\n", num_batches, total);
  return total != 0;
}
