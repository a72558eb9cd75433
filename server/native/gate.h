// Who may go to Triton now, who waits, and who is refused at once.
//
// Triton's own queue would hold every request until its caller has left. So only as many rows are
// with Triton as keep it busy; the rest waits here, where a request that would be answered too late
// is refused when it comes, and dropped before it is computed. No I/O happens here, and the caller
// says what time it is, in seconds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace door {

constexpr size_t MAX_WAITING = 10'000, MAX_WAITING_BYTES = 64 << 20;
// Rows with Triton: what it computes in this time, but at least two batches, and not more than the
// largest GPU needs. One batch, while the rate is not known.
constexpr double BATCH = 64, AHEAD_S = 0.5, MIN_AHEAD = 2 * BATCH, MAX_AHEAD = 1024;
constexpr double BYTES_PER_UNIT = 8192;  // long texts cost more than their row
constexpr double MEMORY_S = 3;           // the rate is a mean over about this time
// Answers closer than this are of one batch, or of several small ones within the longer time.
constexpr double SAME_BATCH_S = 0.005, MAX_BATCH_S = 0.1;
constexpr unsigned BULK_SHARE = 8;  // of so many turns, one is for bulk although others wait

// A request at the gate.
struct Ticket {
  double units = 1;  // what it costs: rows, or more for long texts
  size_t num_bytes = 0;
  double deadline = 0;  // of its caller
  bool is_bulk = false;
  double arrived = 0;
  bool is_waiting = false;
};

template <class T>  // derives from Ticket
class Gate {
 public:
  explicit Gate(double max_wait_s) : max_wait_s_(max_wait_s) {}

  // Returns why a request is refused, or nothing: then it waits for `take`.
  std::optional<std::string> enter(const std::shared_ptr<T>& ticket, double now) {
    if (auto reason = find_reason(*ticket, now)) return reason;
    ticket->arrived = now;
    ticket->is_waiting = true;
    waiting_[ticket->is_bulk].push_back(ticket);
    units_[ticket->is_bulk] += ticket->units;
    bytes_ += ticket->num_bytes;
    ++num_waiting_;
    return {};
  }

  // Says that the caller of a waiting request has left.
  void drop(T& ticket) {
    if (!ticket.is_waiting) return;
    ticket.is_waiting = false;
    units_[ticket.is_bulk] -= ticket.units;
    bytes_ -= ticket.num_bytes;
    --num_waiting_;
    for (auto& queue : waiting_) {
      if (queue.size() < 2 * num_waiting_ + 1000) continue;
      const auto left = [](const auto& each) { return !each->is_waiting; };
      queue.erase(std::remove_if(queue.begin(), queue.end(), left), queue.end());
    }
  }

  // Returns the next request, with the reason if it is refused now, or null: nobody may go.
  std::shared_ptr<T> take(double now, std::optional<std::string>* reason) {
    reason->reset();
    if (paused_at_ || ahead_ >= limit()) return nullptr;
    auto ticket = pop();
    if (!ticket) return nullptr;
    const double ahead_s = rate() > 0 ? ahead_ / rate() : 0;
    const double wait_s = now - ticket->arrived + ahead_s;
    if (wait_s > max_wait_s_) {
      *reason = say("the wait is %.1f s, the limit is %.1f s", wait_s, max_wait_s_);
    } else if (ahead_ > 0) {
      *reason = find_hopeless(*ticket, now, ahead_s);
    }
    if (*reason) return ticket;
    if (ahead_ <= 0) since_ = now;
    ahead_ += ticket->units;
    return ticket;
  }

  // Says that Triton is done with a request.
  void leave(const T& ticket, double now) {
    const double passed_s = now - since_;
    since_ = now;
    if (passed_s > SAME_BATCH_S || now - batch_began_ > MAX_BATCH_S) {
      count_batch();
      // Triton is slower with batches that are not full: those say nothing about its rate.
      is_full_ = !paused_at_ && (num_waiting_ > 0 || ahead_ >= BATCH);
      batch_began_ = now;
      batch_ = 0;
      batch_s_ = 0;
    }
    batch_ += ticket.units;
    batch_s_ += passed_s;
    ahead_ -= ticket.units;
  }

  // While Triton is down nobody goes, and the time does not count as waiting.
  void pause(double now) {
    if (!paused_at_) paused_at_ = now;
  }
  void resume(double now) {
    if (!paused_at_) return;
    for (auto& queue : waiting_) {
      for (auto& ticket : queue) ticket->arrived += now - *paused_at_;
    }
    paused_at_.reset();
    since_ = now;
  }

  size_t num_waiting() const { return num_waiting_; }

 private:
  // Only whole batches count: in the middle of one, its time is known but not all of its rows.
  void count_batch() {
    if (!is_full_) return;
    const double fade = std::exp(-batch_s_ / MEMORY_S);
    done_ = done_ * fade + batch_;
    busy_s_ = busy_s_ * fade + batch_s_;
  }

  double rate() const { return busy_s_ > 0 ? done_ / busy_s_ : 0; }
  double limit() const {
    const double found = rate();
    if (found <= 0) return BATCH;
    // On a slow machine a batch may take longer than anybody waits.
    const double most = std::min(MAX_AHEAD, max_wait_s_ / 2 * found);
    return std::min(std::max(AHEAD_S * found, MIN_AHEAD), most);
  }

  std::optional<std::string> find_reason(const T& ticket, double now) const {
    if (num_waiting_ >= MAX_WAITING || bytes_ + ticket.num_bytes > MAX_WAITING_BYTES) {
      return say("%.0f requests with %.0f bytes wait", double(num_waiting_), double(bytes_));
    }
    if (paused_at_ || rate() <= 0 || num_waiting_ == 0) return {};
    const double wait_s = (units_[0] + (ticket.is_bulk ? units_[1] : 0) + ahead_) / rate();
    if (wait_s > max_wait_s_) {
      return say("the wait is %.1f s, the limit is %.1f s", wait_s, max_wait_s_);
    }
    return find_hopeless(ticket, now, wait_s);
  }

  std::optional<std::string> find_hopeless(const T& ticket, double now, double wait_s) const {
    if (rate() <= 0) return {};
    const double needed_s = wait_s + ticket.units / rate();
    const double left_s = ticket.deadline - now;
    if (needed_s <= left_s) return {};
    return say("an answer takes %.2f s, the caller waits %.2f s", needed_s, left_s);
  }

  static std::string say(const char* format, double one, double other) {
    char text[160];
    std::snprintf(text, sizeof text, format, one, other);
    return std::string("the server is overloaded: ") + text;
  }

  std::shared_ptr<T> pop() {
    while (!waiting_[0].empty() || !waiting_[1].empty()) {
      const bool is_bulk =
          waiting_[0].empty() || (!waiting_[1].empty() && ++num_turns_ % BULK_SHARE == 0);
      auto ticket = std::move(waiting_[is_bulk].front());
      waiting_[is_bulk].pop_front();
      if (ticket->is_waiting) {
        drop(*ticket);
        return ticket;
      }
    }
    return nullptr;
  }

  double max_wait_s_;
  std::deque<std::shared_ptr<T>> waiting_[2];  // bulk second
  double units_[2] = {0, 0};
  size_t bytes_ = 0, num_waiting_ = 0;
  unsigned num_turns_ = 0;
  double ahead_ = 0, since_ = 0, done_ = 0, busy_s_ = 0;
  double batch_ = 0, batch_s_ = 0, batch_began_ = 0;  // of the batch whose answers come now
  bool is_full_ = false;
  std::optional<double> paused_at_;
};

}  // namespace door
