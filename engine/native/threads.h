// The threads of a run: how they start, wait for each other, and spread over the cores.
#pragma once

#include <sched.h>

#include <atomic>

#ifdef EMOTION_PLAIN_THREADS
#include <thread>
#include <vector>
#else
#include <omp.h>
#endif

#include "vectors.h"

namespace emotion {

// Calls `work(rank, size)` in each of `num_threads` threads, and waits for all.
//
// OpenMP keeps its threads for the next run. A thread sanitizer does not see how they wait for each
// other, so a build for it starts plain threads.
template <class Work>
inline void run_threads(int num_threads, Work&& work) {
#ifdef EMOTION_PLAIN_THREADS
  std::vector<std::thread> others;
  for (int rank = 1; rank < num_threads; ++rank)
    others.emplace_back([&work, rank, num_threads] { work(rank, num_threads); });
  work(0, num_threads);
  for (auto& other : others) other.join();
#else
#pragma omp parallel num_threads(num_threads)
  work(omp_get_thread_num(), omp_get_num_threads());
#endif
}

// Where the threads of a team wait for each other.
//
// A waiting thread yields after a moment. Sleeping threads often wake up on the same core and stay
// there for milliseconds. OpenMP's barrier spins, which blocks the thread that it waits for: a
// single text took five times as long.
class Barrier {
 public:
  void wait(int num_threads) {
    const int round = round_.load(std::memory_order_relaxed);
    if (num_waiting_.fetch_add(1, std::memory_order_acq_rel) == num_threads - 1) {
      num_waiting_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int spins = 0; round_.load(std::memory_order_acquire) == round; ++spins)
      if (spins < SPINS)
        pause();
      else
        sched_yield();
  }

 private:
  static constexpr int SPINS = 200;
  std::atomic<int> num_waiting_{0}, round_{0};
};

// The cores that the threads of a run are on. A thread that wakes up on the same core as another
// moves to a free one; the system may move it again at any time.
class Cores {
 public:
  void spread() {
    const int here = sched_getcpu();
    if (here < 0 || here >= CPU_SETSIZE || take(here)) return;
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &allowed) && take(core)) {
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        sched_setaffinity(0, sizeof one, &one);
        sched_setaffinity(0, sizeof allowed, &allowed);
        return;
      }
  }

 private:
  bool take(int core) { return !is_taken_[core].exchange(true, std::memory_order_relaxed); }
  std::atomic<bool> is_taken_[CPU_SETSIZE] = {};
};

}  // namespace emotion
