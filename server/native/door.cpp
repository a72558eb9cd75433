// The gRPC port in front of Triton: what is safe goes in at the pace of the models.
//
// One thread, one event loop. A request is read to its end, checked (request.h) and waits for its
// turn (gate.h). What is with Triton stays there until it is answered, also if its caller leaves:
// Triton 2.51 ends if a call is cancelled at the moment of its answer. If Triton or a model dies,
// requests wait here until it is back, and those that it had go to it once more.
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>

#include <atomic>
#include <list>
#include <set>
#include <unordered_map>
#include <utility>

#include "gate.h"
#include "http2.h"
#include "request.h"

namespace door {

constexpr int INTERFACE = 3;  // version of the functions below; native.py expects the same
constexpr size_t MAX_MESSAGE_BYTES = 16 << 20, MAX_HEADER_BYTES = 16 << 10;
constexpr size_t MAX_INCOMING_BYTES = 128 << 20;  // of all messages that are not complete
// Of answers that callers do not read: of one connection, and of all.
constexpr size_t MAX_OUTGOING_BYTES = 64 << 20, MAX_ALL_OUTGOING_BYTES = 512 << 20;
// Of calls that do not wait for a turn: their messages, and how many the door holds.
constexpr size_t MAX_FREE_BYTES = 64 << 10, MAX_FREE = 500;
constexpr size_t MAX_CONNECTIONS = 2000;
constexpr uint32_t MAX_STREAMS = 1024;
constexpr uint64_t MAX_RESETS = 100'000, MAX_RESETS_PER_S = 10'000;
constexpr double TICK_S = 0.02, LONGEST_S = 60, SEND_TIMEOUT_S = 30, PROBE_TIMEOUT_S = 5;
constexpr double PROBE_PAUSE_S = 0.05;
constexpr int NUM_UPSTREAMS = 4;
constexpr int MAX_DEATHS = 2;  // a request that was with Triton twice when it died may be the cause

enum Status {
  OK = 0,
  CANCELLED = 1,
  INVALID_ARGUMENT = 3,
  DEADLINE_EXCEEDED = 4,
  RESOURCE_EXHAUSTED = 8,
  UNIMPLEMENTED = 12,
  UNAVAILABLE = 14,
};

const std::string SERVICE = "/inference.GRPCInferenceService/";
const std::string KEY_PREFIX = "triton-grpc-protocol-";
const std::string HEALTH = "/grpc.health.v1.Health/Check";
const std::set<std::string> GATED_MODELS = {"emotion", "emotion_text", "emotion_tokenizer"};
// Triton itself asks for a key where one is needed.
const std::set<std::string> PASSED_CALLS = {
    "ModelReady",
    "ServerMetadata",
    "ModelMetadata",
    "ModelConfig",
    "ModelStatistics",
    "RepositoryIndex",
    "RepositoryModelLoad",
    "RepositoryModelUnload",
    "SystemSharedMemoryStatus",
    "SystemSharedMemoryRegister",
    "SystemSharedMemoryUnregister",
    "CudaSharedMemoryStatus",
    "CudaSharedMemoryRegister",
    "CudaSharedMemoryUnregister",
    "TraceSetting",
    "LogSettings",
};
// What Triton says while it or a model is dead, starting or stopping.
const char* const UNWELL[] = {
    "is not healthy", "has no available versions", "is not at ready state", "Server is stopping"};
// What it says with UNAVAILABLE although it is well.
const char* const WELL[] = {
    "Exceeds maximum queue size", "Request timeout expired", "has no memory for",
    "This protocol is restricted"};

double now_s() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

bool contains(const std::string& text, const char* const* first, size_t num) {
  return std::any_of(
      first, first + num, [&](const char* each) { return text.find(each) != std::string::npos; });
}

struct Caller;

struct Request : Ticket {
  ~Request() { num_free -= is_free; }
  static inline size_t num_free = 0;

  Caller* caller = nullptr;  // null: it has left, or the door itself asks
  int32_t stream = 0;
  std::string method, path;
  Headers headers;  // of the caller, for Triton
  size_t header_bytes = 0;
  std::string incoming;
  std::shared_ptr<const std::string> message;
  Body upload;
  bool is_probe = false, is_answered = false;
  bool is_ahead = false;  // the gate has let it go and counts it
  bool is_free = false;   // it does not wait for a turn, and num_free counts it
  bool was_old = false;   // the Triton that had it is one that another has followed
  int round = 0;          // of probes
  double began = 0;
  int num_deaths = 0;
  // Triton's answer.
  std::string answer, http_status, status, sentence;
  Body download;
  Headers trailers;
};
using RequestPtr = std::shared_ptr<Request>;

// Triton's side of the door.
struct Upstream : Connection {
  using Connection::Connection;
  bool is_old = false;  // to a Triton that another one has followed: it gets nothing new
  std::unordered_map<int32_t, RequestPtr> requests;
};

// A caller's connection.
struct Caller : Connection {
  using Connection::Connection;
  std::unordered_map<int32_t, RequestPtr> requests;
  size_t outgoing_bytes = 0;
  double seen = 0;  // last complete request
};

struct Settings {
  const char* host;
  int32_t port, triton_port;
  double max_wait_s;
};

class Door {
 public:
  explicit Door(const Settings& settings)
      : triton_port(settings.triton_port),
        settings_(settings),
        gate_(settings.max_wait_s),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        wanted_port_(settings.triton_port) {
    // Callers with short deadlines reset many streams. By default that ends their connection
    // (against CVE-2023-44487); here a stream that is reset costs less than one that is answered.
    nghttp2_option_new(&caller_options_);
    nghttp2_option_set_stream_reset_rate_limit(caller_options_, MAX_RESETS, MAX_RESETS_PER_S);
    nghttp2_session_callbacks_new(&caller_callbacks_);
    nghttp2_session_callbacks_set_on_begin_headers_callback(caller_callbacks_, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(caller_callbacks_, on_caller_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(caller_callbacks_, on_caller_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(caller_callbacks_, on_caller_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(caller_callbacks_, on_caller_close);
    nghttp2_session_callbacks_new(&upstream_callbacks_);
    nghttp2_session_callbacks_set_on_header_callback(upstream_callbacks_, on_answer_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(upstream_callbacks_, on_answer_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(upstream_callbacks_, on_answer_close);
  }

  // Returns 0, or errno.
  int open() {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    hints.ai_family = std::strchr(settings_.host, ':') != nullptr ? AF_INET6 : AF_INET;
    const auto port = std::to_string(settings_.port);
    if (getaddrinfo(settings_.host, port.c_str(), &hints, &found) != 0) return EADDRNOTAVAIL;
    listener_ = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int one = 1, zero = 0;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (std::strcmp(settings_.host, "::") == 0) {  // IPv4 too
      setsockopt(listener_, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
    }
    const bool is_bound =
        bind(listener_, found->ai_addr, found->ai_addrlen) == 0 && ::listen(listener_, 1024) == 0;
    const int error = errno;
    freeaddrinfo(found);
    if (!is_bound) return error;
    wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    watch(listener_, &listener_);
    watch(wake_, &wake_);
    gate_.pause(now_s());
    return 0;
  }

  void run() {
    epoll_event events[256];
    while (!is_over()) {
      const int num = epoll_wait(epoll_, events, 256, int(TICK_S * 1000));
      for (int i = 0; i < num; ++i) handle(events[i]);
      const double now = now_s();
      if (wanted_port_ != triton_port) follow();
      if (now - ticked_ >= TICK_S) tick(now);
      settle();
      num_waiting = gate_.num_waiting();
    }
  }

  // From any thread or signal handler.
  void stop(double grace_s) {
    grace_s_ = grace_s;
    is_stopping_ = true;
    const uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof one);
  }

  // From any thread: sends what comes from now on to another Triton. What the old one has stays
  // there.
  void switch_triton(int port) {
    wanted_port_ = port;
    const uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof one);
  }

  std::atomic<bool> is_up{false}, has_started{false};
  std::atomic<int> triton_port{0};
  std::atomic<size_t> num_waiting{0}, num_refused{0};
  std::atomic<int> num_old{0};  // connections to a Triton that another has followed

 private:
  bool is_over() {
    if (!is_stopping_) return false;
    const double now = now_s();
    if (stopped_at_ == 0) {
      stopped_at_ = now;
      close(listener_);
      for (auto& caller : callers_)
        nghttp2_submit_goaway(
            caller->session, 0, nghttp2_session_get_last_proc_stream_id(caller->session), 0,
            nullptr, 0);
      for (auto& caller : callers_) touch(*caller);
    }
    bool is_idle = true;
    for (auto& caller : callers_) is_idle &= caller->requests.empty();
    return is_idle || now - stopped_at_ > grace_s_;
  }

  void watch(int fd, void* what) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = what;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void handle(const epoll_event& event) {
    if (event.data.ptr == &listener_) return accept_callers();
    if (event.data.ptr == &wake_) {
      uint64_t ignored;
      (void)!::read(wake_, &ignored, sizeof ignored);
      return;
    }
    auto* connection = static_cast<Connection*>(event.data.ptr);
    if (connection->is_dead) return;
    if (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
      if (!connection->read()) connection->is_dead = true;
    }
    touch(*connection);
  }

  void touch(Connection& connection) {
    if (!connection.is_dirty) dirty_.push_back(&connection);
    connection.is_dirty = true;
  }

  void kill(Connection& connection) {
    connection.is_dead = true;
    touch(connection);
  }

  // Writes what this turn has produced, and removes what has ended.
  void settle() {
    pump();
    while (!dirty_.empty()) {
      bool is_any_dead = false;
      for (auto* each : std::exchange(dirty_, {})) {
        each->is_dirty = false;
        if (!each->is_dead && !each->write()) each->is_dead = true;
        is_any_dead |= each->is_dead;
      }
      if (!is_any_dead) continue;
      // Out of the lists first: what is done for their requests may touch these again.
      std::list<std::unique_ptr<Upstream>> upstreams;
      std::list<std::unique_ptr<Caller>> callers;
      take_dead(upstreams_, upstreams);
      take_dead(callers_, callers);
      for (auto& caller : callers) {
        for (auto& [_, request] : caller->requests) forget_caller(*request);
      }
      for (auto& upstream : upstreams) {
        auto lost = std::exchange(upstream->requests, {});
        num_old -= upstream->is_old;
        const bool is_old = upstream->is_old;
        upstream.reset();
        for (auto& [_, request] : lost) {
          request->was_old = is_old;
          request->sentence = "the connection to Triton broke";
          die(request);
        }
      }
      pump();
    }
  }

  template <class T>
  void take_dead(std::list<T>& all, std::list<T>& dead) {
    for (auto it = all.begin(); it != all.end();) {
      const auto next = std::next(it);
      if ((*it)->is_dead) dead.splice(dead.end(), all, it);
      it = next;
    }
    for (auto& each : dead) {
      dirty_.erase(std::remove(dirty_.begin(), dirty_.end(), each.get()), dirty_.end());
    }
  }

  void accept_callers() {
    for (int i = 0; i < 64; ++i) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      if (callers_.size() >= MAX_CONNECTIONS && !make_room()) {
        close(fd);
        continue;
      }
      auto caller = std::make_unique<Caller>(fd, epoll_);
      caller->seen = now_s();
      nghttp2_session_server_new2(
          &caller->session, caller_callbacks_, caller.get(), caller_options_);
      set_windows(caller->session, MAX_STREAMS);
      touch(*caller);
      callers_.push_back(std::move(caller));
    }
  }

  // Ends the connection that has been idle longest; false if none is idle.
  bool make_room() {
    Caller* oldest = nullptr;
    for (auto& each : callers_) {
      if (each->is_dead || !each->requests.empty()) continue;
      if (oldest == nullptr || each->seen < oldest->seen) oldest = each.get();
    }
    if (oldest != nullptr) kill(*oldest);
    return oldest != nullptr;
  }

  // ---- callers ----

  static Door& self() { return *instance; }

  static int on_begin(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    auto* caller = static_cast<Caller*>(user);
    auto request = std::make_shared<Request>();
    request->caller = caller;
    request->stream = frame->hd.stream_id;
    request->began = now_s();
    request->deadline = request->began + LONGEST_S;
    caller->requests[request->stream] = std::move(request);
    return 0;
  }

  static Request* find(Caller* caller, int32_t stream) {
    const auto it = caller->requests.find(stream);
    return it == caller->requests.end() ? nullptr : it->second.get();
  }

  static int on_caller_header(
      nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_len,
      const uint8_t* value, size_t value_len, uint8_t, void* user) {
    auto* request = find(static_cast<Caller*>(user), frame->hd.stream_id);
    if (request == nullptr || request->is_answered) return 0;
    request->header_bytes += name_len + value_len + 32;
    if (request->header_bytes > MAX_HEADER_BYTES) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    std::string key(reinterpret_cast<const char*>(name), name_len);
    std::string text(reinterpret_cast<const char*>(value), value_len);
    if (key == ":method") {
      request->method = std::move(text);
    } else if (key == ":path") {
      request->path = std::move(text);
    } else if (key == "grpc-timeout") {
      request->deadline = request->began + std::min(LONGEST_S, to_seconds(text));
    } else if (key == "request-priority") {
      request->is_bulk = text == "bulk";
    } else if (
        key.substr(0, KEY_PREFIX.size()) == KEY_PREFIX || key == "traceparent" ||
        key == "tracestate") {
      request->headers.emplace_back(std::move(key), std::move(text));
    }
    return 0;
  }

  // Reads gRPC's form of a duration, as "250m".
  static double to_seconds(const std::string& text) {
    double number = 0;
    size_t i = 0;
    for (; i < text.size() && i < 9 && std::isdigit(static_cast<unsigned char>(text[i])); ++i) {
      number = 10 * number + (text[i] - '0');
    }
    const char unit = i < text.size() ? text[i] : ' ';
    const double seconds = unit == 'H'   ? 3600
                           : unit == 'M' ? 60
                           : unit == 'S' ? 1
                           : unit == 'm' ? 1e-3
                           : unit == 'u' ? 1e-6
                           : unit == 'n' ? 1e-9
                                         : LONGEST_S;
    return number * seconds;
  }

  static int on_caller_data(
      nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t size, void* user) {
    auto* caller = static_cast<Caller*>(user);
    auto* request = find(caller, stream);
    if (request == nullptr || request->is_answered) return 0;
    auto& door = self();
    if (request->incoming.size() + size > MAX_MESSAGE_BYTES + 5) {
      door.refuse(
          *request, RESOURCE_EXHAUSTED,
          "the message is larger than " + std::to_string(MAX_MESSAGE_BYTES) + " bytes");
      return 0;
    }
    if (door.incoming_bytes_ + size > MAX_INCOMING_BYTES) {
      door.overload(*request, "the server is overloaded: too many bytes come in");
      return 0;
    }
    request->incoming.append(reinterpret_cast<const char*>(data), size);
    door.incoming_bytes_ += size;
    return 0;
  }

  static int on_caller_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    auto* caller = static_cast<Caller*>(user);
    const auto it = caller->requests.find(frame->hd.stream_id);
    if (it == caller->requests.end() || it->second->is_answered) return 0;
    caller->seen = now_s();
    self().begin(it->second);
    return 0;
  }

  static int on_caller_close(nghttp2_session*, int32_t stream, uint32_t, void* user) {
    auto* caller = static_cast<Caller*>(user);
    const auto it = caller->requests.find(stream);
    if (it == caller->requests.end()) return 0;
    self().forget_caller(*it->second);
    caller->requests.erase(it);
    return 0;
  }

  void forget_caller(Request& request) {
    if (request.caller != nullptr && request.download.bytes) {
      request.caller->outgoing_bytes -= request.download.bytes->size();
      outgoing_bytes_ -= request.download.bytes->size();
    }
    request.caller = nullptr;
    incoming_bytes_ -= request.incoming.size();
    std::string().swap(request.incoming);
    if (request.is_waiting) {
      gate_.drop(request);
      request.message.reset();
    }
  }

  // A request has come in completely.
  void begin(const RequestPtr& request) {
    std::string incoming;
    incoming.swap(request->incoming);
    incoming_bytes_ -= incoming.size();
    if (request->method != "POST") return refuse(*request, UNIMPLEMENTED, "expected gRPC");
    if (request->path == HEALTH) {
      return reply(*request, is_up ? std::string("\x08\x01", 2) : std::string("\x08\x02", 2));
    }
    if (request->path.compare(0, SERVICE.size(), SERVICE) != 0) {
      return refuse(*request, UNIMPLEMENTED, "there is no such service");
    }
    const auto call = request->path.substr(SERVICE.size());
    if (call == "ServerLive") return reply(*request, std::string("\x08\x01", 2));
    if (call == "ServerReady") {
      return reply(*request, is_up ? std::string("\x08\x01", 2) : std::string());
    }
    if (call != "ModelInfer" && PASSED_CALLS.count(call) == 0) {
      return refuse(*request, UNIMPLEMENTED, "there is no such call; use ModelInfer");
    }
    const std::string_view frame(incoming);
    if (frame.size() < 5) return refuse(*request, INVALID_ARGUMENT, "the message is not complete");
    const auto* c = reinterpret_cast<const unsigned char*>(frame.data());
    const size_t size = size_t(c[1]) << 24 | c[2] << 16 | c[3] << 8 | c[4];
    if (size != frame.size() - 5) {
      return refuse(*request, INVALID_ARGUMENT, "the message is not complete");
    }
    if (c[0] != 0) {
      return refuse(*request, UNIMPLEMENTED, "compression is not served; send it as it is");
    }
    bool is_gated = false;
    if (call == "ModelInfer") {
      try {
        const auto summary = check_request(frame.substr(5));
        is_gated = GATED_MODELS.count(summary.model) != 0;
        // Triton refuses more rows at once, so they cost nothing.
        const double num_rows = std::min(double(summary.num_rows), BATCH);
        request->units = std::max(num_rows, size / BYTES_PER_UNIT);
      } catch (const InvalidRequest& error) {
        return refuse(*request, INVALID_ARGUMENT, error.what());
      }
    }
    if (!is_gated) {
      if (size > MAX_FREE_BYTES) {
        return refuse(
            *request, INVALID_ARGUMENT,
            "a message of this kind has at most " + std::to_string(MAX_FREE_BYTES) + " bytes");
      }
      if (Request::num_free >= MAX_FREE) {
        return overload(*request, "the server is overloaded: too many calls that do not wait");
      }
      request->is_free = true;
      ++Request::num_free;
    }
    request->num_bytes = incoming.size();
    request->message = std::make_shared<const std::string>(std::move(incoming));
    if (request->is_free) {
      free_.push_back(request);
      return;
    }
    if (const auto reason = gate_.enter(request, now_s())) overload(*request, *reason);
  }

  void overload(Request& request, const std::string& reason) {
    ++num_refused;
    refuse(request, UNAVAILABLE, reason);
  }

  void refuse(Request& request, int status, const std::string& sentence) {
    incoming_bytes_ -= request.incoming.size();
    std::string().swap(request.incoming);
    request.message.reset();
    if (request.caller == nullptr || request.is_answered) return;
    request.is_answered = true;
    const Headers headers = {
        {":status", "200"},
        {"content-type", "application/grpc"},
        {"grpc-status", std::to_string(status)},
        {"grpc-message", escape(sentence)}};
    const auto nvs = to_nvs(headers);
    nghttp2_submit_response(
        request.caller->session, request.stream, nvs.data(), nvs.size(), nullptr);
    touch(*request.caller);
  }

  // Answers with a message of the door's own.
  void reply(Request& request, const std::string& message) {
    std::string framed(5, '\0');
    framed[4] = char(message.size());
    request.status = "0";
    respond(request, framed + message);
  }

  // Answers with what Triton said.
  void respond(Request& request, std::string body) {
    request.message.reset();
    if (request.caller == nullptr || request.is_answered) return;
    request.is_answered = true;
    auto& caller = *request.caller;
    request.trailers = {{"grpc-status", request.status}};
    if (!request.sentence.empty()) request.trailers.emplace_back("grpc-message", request.sentence);
    const Headers headers = {{":status", "200"}, {"content-type", "application/grpc"}};
    touch(caller);
    if (body.empty()) {
      Headers all = headers;
      all.insert(all.end(), request.trailers.begin(), request.trailers.end());
      const auto nvs = to_nvs(all);
      nghttp2_submit_response(caller.session, request.stream, nvs.data(), nvs.size(), nullptr);
      return;
    }
    if (caller.outgoing_bytes + body.size() > MAX_OUTGOING_BYTES ||
        outgoing_bytes_ + body.size() > MAX_ALL_OUTGOING_BYTES) {
      return kill(caller);
    }
    caller.outgoing_bytes += body.size();
    outgoing_bytes_ += body.size();
    request.download = {std::make_shared<const std::string>(std::move(body)), 0};
    nghttp2_data_provider provider{};
    provider.source.ptr = &request;
    provider.read_callback = read_answer;
    const auto nvs = to_nvs(headers);
    nghttp2_submit_response(caller.session, request.stream, nvs.data(), nvs.size(), &provider);
  }

  static ssize_t read_answer(
      nghttp2_session* session, int32_t stream, uint8_t* buffer, size_t length, uint32_t* flags,
      nghttp2_data_source* source, void* user) {
    auto* request = static_cast<Request*>(source->ptr);
    nghttp2_data_source body{};
    body.ptr = &request->download;
    const ssize_t size = read_body(session, stream, buffer, length, flags, &body, user);
    if (*flags & NGHTTP2_DATA_FLAG_EOF) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto nvs = to_nvs(request->trailers);
      nghttp2_submit_trailer(session, stream, nvs.data(), nvs.size());
    }
    return size;
  }

  static std::string escape(const std::string& sentence) {
    std::string found;
    char code[4];
    for (const unsigned char c : sentence) {
      if (c >= 0x20 && c < 0x7f && c != '%') {
        found += char(c);
      } else {
        std::snprintf(code, sizeof code, "%%%02X", c);
        found += code;
      }
    }
    return found;
  }

  // ---- Triton ----

  // Sends what may go.
  void pump() {
    if (is_up) {
      for (auto& request : std::exchange(free_, {})) send_up(request);
      std::optional<std::string> reason;
      while (const auto request = gate_.take(now_s(), &reason)) {
        if (reason) {
          overload(*request, *reason);
        } else {
          request->is_ahead = true;
          send_up(request);
        }
      }
    }
  }

  void send_up(const RequestPtr& request) {
    if (!request->is_probe && (request->caller == nullptr || request->is_answered)) {
      return leave(*request);
    }
    auto* upstream = choose_upstream();
    if (upstream == nullptr) {
      request->sentence = "Triton does not listen";
      return die(request);
    }
    Headers headers = {{":method", "POST"},      {":scheme", "http"},
                       {":path", request->path}, {":authority", "127.0.0.1"},
                       {"te", "trailers"},       {"content-type", "application/grpc"}};
    headers.insert(headers.end(), request->headers.begin(), request->headers.end());
    request->answer.clear();
    request->http_status.clear();
    request->status.clear();
    request->sentence.clear();
    request->upload = {request->message, 0};
    nghttp2_data_provider provider{};
    provider.source.ptr = &request->upload;
    provider.read_callback = read_body;
    const auto nvs = to_nvs(headers);
    const int32_t stream = nghttp2_submit_request(
        upstream->session, nullptr, nvs.data(), nvs.size(), &provider, request.get());
    if (stream < 0) {
      request->sentence = "Triton takes no more calls on this connection";
      kill(*upstream);
      return die(request);
    }
    upstream->requests[stream] = request;
    touch(*upstream);
  }

  // Leaves a Triton for the one that has taken its place.
  void follow() {
    for (auto& each : upstreams_) {
      if (each->is_dead) continue;
      num_old += !each->is_old;
      each->is_old = true;
      if (each->requests.empty() || !is_up) kill(*each);
    }
    num_probes_ = 0;  // those that are under way ask the old one
    next_probe_ = now_s();
    triton_port = wanted_port_.load();
  }

  Upstream* choose_upstream() {
    const auto is_new = [](const auto& each) { return !each->is_old; };
    if (std::count_if(upstreams_.begin(), upstreams_.end(), is_new) < NUM_UPSTREAMS) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(triton_port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      // On this machine it connects at once, or not at all.
      if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        close(fd);
        return nullptr;
      }
      fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
      auto upstream = std::make_unique<Upstream>(fd, epoll_);
      nghttp2_session_client_new(&upstream->session, upstream_callbacks_, upstream.get());
      set_windows(upstream->session, 0);
      touch(*upstream);
      upstreams_.push_back(std::move(upstream));
      return upstreams_.back().get();
    }
    Upstream* best = nullptr;
    for (auto& each : upstreams_) {
      if (each->is_dead || each->is_old) continue;
      if (best == nullptr || each->requests.size() < best->requests.size()) best = each.get();
    }
    return best;
  }

  static Request* of_stream(nghttp2_session* session, int32_t stream) {
    return static_cast<Request*>(nghttp2_session_get_stream_user_data(session, stream));
  }

  static int on_answer_header(
      nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name, size_t name_len,
      const uint8_t* value, size_t value_len, uint8_t, void*) {
    auto* request = of_stream(session, frame->hd.stream_id);
    if (request == nullptr) return 0;
    const std::string_view key(reinterpret_cast<const char*>(name), name_len);
    std::string text(reinterpret_cast<const char*>(value), value_len);
    if (key == ":status")
      request->http_status = std::move(text);
    else if (key == "grpc-status")
      request->status = std::move(text);
    else if (key == "grpc-message")
      request->sentence = std::move(text);
    return 0;
  }

  static int on_answer_data(
      nghttp2_session* session, uint8_t, int32_t stream, const uint8_t* data, size_t size, void*) {
    auto* request = of_stream(session, stream);
    if (request != nullptr) request->answer.append(reinterpret_cast<const char*>(data), size);
    return 0;
  }

  static int on_answer_close(nghttp2_session*, int32_t stream, uint32_t, void* user) {
    auto* upstream = static_cast<Upstream*>(user);
    const auto it = upstream->requests.find(stream);
    if (it == upstream->requests.end()) return 0;
    const auto request = std::move(it->second);
    upstream->requests.erase(it);
    request->was_old = upstream->is_old;
    if (upstream->is_old && upstream->requests.empty()) self().kill(*upstream);
    self().finish(request);
    return 0;
  }

  // Triton is done with a request, well or not.
  void finish(const RequestPtr& request) {
    if (request->is_free) --Request::num_free;
    request->is_free = false;
    const bool is_whole = request->http_status == "200" && !request->status.empty();
    const int status = is_whole ? std::atoi(request->status.c_str()) : UNAVAILABLE;
    const bool is_well =
        status != UNAVAILABLE || contains(request->sentence, WELL, std::size(WELL));
    if (!is_whole || status == CANCELLED || !is_well || is_dead_model(*request))
      return die(request);
    if (request->is_probe) return on_probe(*request, status == OK);
    leave(*request);
    respond(*request, std::move(request->answer));
  }

  // Whether Triton says that a model is dead; not if it only repeats the caller's own words.
  static bool is_dead_model(const Request& request) {
    return std::any_of(std::begin(UNWELL), std::end(UNWELL), [&](const char* phrase) {
      return request.sentence.find(phrase) != std::string::npos &&
             (!request.upload.bytes || request.upload.bytes->find(phrase) == std::string::npos);
    });
  }

  void leave(Request& request) {
    if (request.is_ahead) gate_.leave(request, now_s());
    request.is_ahead = false;
  }

  // Triton or a model was dead when it had this request.
  void die(const RequestPtr& request) {
    if (request->is_probe) return on_probe(*request, false);
    if (request->was_old) {  // it stops; the new one is well
      request->was_old = false;
      if (request->caller == nullptr) return leave(*request);
      return is_up ? send_up(request) : held_.push_back(request);
    }
    go_down();
    if (request->caller == nullptr || ++request->num_deaths >= MAX_DEATHS) {
      leave(*request);
      return refuse(*request, UNAVAILABLE, "the server is restarting: " + request->sentence);
    }
    held_.push_back(request);
  }

  void go_down() {
    if (!is_up) return;
    is_up = false;
    gate_.pause(now_s());
    next_probe_ = now_s() + PROBE_PAUSE_S;
    num_probes_ = 0;
  }

  void go_up() {
    is_up = has_started = true;
    gate_.resume(now_s());
    for (auto& request : std::exchange(held_, {})) send_up(request);
  }

  // Asks all models for an answer.
  void probe(double now) {
    if (num_probes_ > 0 && now - probed_at_ < PROBE_TIMEOUT_S) return;
    if (num_probes_ > 0) {
      for (auto& each : upstreams_) kill(*each);
    }
    probed_at_ = now;
    num_probes_ = 2;
    ++round_;
    is_probe_well_ = true;
    for (const auto& message : probes_) {
      auto request = std::make_shared<Request>();
      request->is_probe = true;
      request->round = round_;
      request->path = SERVICE + "ModelInfer";
      request->message = message;
      send_up(request);
    }
  }

  void on_probe(const Request& request, bool is_well) {
    if (num_probes_ == 0 || request.round != round_) return;
    is_probe_well_ &= is_well;
    if (--num_probes_ > 0) return;
    if (is_probe_well_ && !is_up) go_up();
    next_probe_ = now_s() + PROBE_PAUSE_S;
  }

  // What time alone brings.
  void tick(double now) {
    ticked_ = now;
    if (!is_up && now >= next_probe_) probe(now);
    for (auto& caller : callers_) {
      for (auto& [_, request] : caller->requests) expire(*request, now);
    }
  }

  void expire(Request& request, double now) {
    if (request.is_answered) return;
    if (now >= request.deadline) {
      gate_.drop(request);
      refuse(request, DEADLINE_EXCEEDED, "the deadline is over");
    } else if (!request.message && now - request.began > SEND_TIMEOUT_S) {
      refuse(request, DEADLINE_EXCEEDED, "the message did not come to its end");
    }
  }

 public:
  static Door* instance;
  std::vector<std::shared_ptr<const std::string>> probes_;

 private:
  Settings settings_;
  Gate<Request> gate_;
  int epoll_, listener_ = -1, wake_ = -1;
  nghttp2_session_callbacks *caller_callbacks_ = nullptr, *upstream_callbacks_ = nullptr;
  nghttp2_option* caller_options_ = nullptr;
  std::list<std::unique_ptr<Caller>> callers_;
  std::list<std::unique_ptr<Upstream>> upstreams_;
  std::vector<Connection*> dirty_;
  std::vector<RequestPtr> free_, held_;  // ungated ones that wait for Triton; those it lost
  size_t incoming_bytes_ = 0, outgoing_bytes_ = 0;
  double ticked_ = 0, next_probe_ = 0, probed_at_ = 0, stopped_at_ = 0;
  int num_probes_ = 0, round_ = 0;
  bool is_probe_well_ = true;
  std::atomic<bool> is_stopping_{false};
  std::atomic<double> grace_s_{0};
  std::atomic<int> wanted_port_;
};

Door* Door::instance = nullptr;

std::shared_ptr<const std::string> frame(const std::string& message) {
  std::string framed(5, '\0');
  for (int i = 0; i < 4; ++i) framed[4 - i] = char(message.size() >> (8 * i));
  return std::make_shared<const std::string>(framed + message);
}

struct Numbered : Ticket {
  int64_t number = 0;
};

struct NumberedGate {
  Gate<Numbered> gate;
  std::unordered_map<int64_t, std::shared_ptr<Numbered>> tickets;
};

}  // namespace door

extern "C" {

int door_interface() { return door::INTERFACE; }

// Opens the port; returns 0 or errno. `probes` are two ModelInferRequests that every model must
// answer.
int door_open(const door::Settings* settings, const char* const* probes, const size_t* sizes) {
  door::Door::instance = new door::Door(*settings);
  for (int i = 0; i < 2; ++i) {
    door::Door::instance->probes_.push_back(door::frame(std::string(probes[i], sizes[i])));
  }
  return door::Door::instance->open();
}

// Serves until `door_stop`.
void door_run() { door::Door::instance->run(); }
void door_stop(double grace_s) { door::Door::instance->stop(grace_s); }
void door_switch(int triton_port) { door::Door::instance->switch_triton(triton_port); }
size_t door_num_waiting() { return door::Door::instance->num_waiting; }
size_t door_num_refused() { return door::Door::instance->num_refused; }
int door_triton_port() { return door::Door::instance->triton_port; }
int door_num_old() { return door::Door::instance->num_old; }
int door_is_up() { return door::Door::instance->is_up; }
int door_has_started() { return door::Door::instance->has_started; }

// Writes why a ModelInferRequest is refused, or "", into `sentence`.
void door_check(const char* message, size_t size, char* sentence, size_t length) {
  sentence[0] = 0;
  try {
    door::check_request({message, size});
  } catch (const door::InvalidRequest& error) {
    std::snprintf(sentence, length, "%s", error.what());
  }
}

// The gate alone, for tests: requests have numbers, and the caller says what time it is. Reasons
// are written into `reason`, "" for none.

void* door_gate_new(double max_wait_s) {
  return new door::NumberedGate{door::Gate<door::Numbered>(max_wait_s), {}};
}
void door_gate_delete(void* gate) { delete static_cast<door::NumberedGate*>(gate); }

void door_gate_enter(
    void* gate, int64_t number, double units, size_t num_bytes, double deadline, int is_bulk,
    double now, char* reason, size_t length) {
  auto& all = *static_cast<door::NumberedGate*>(gate);
  auto ticket = std::make_shared<door::Numbered>();
  ticket->number = number;
  ticket->units = units;
  ticket->num_bytes = num_bytes;
  ticket->deadline = deadline;
  ticket->is_bulk = is_bulk != 0;
  all.tickets[number] = ticket;
  std::snprintf(reason, length, "%s", all.gate.enter(ticket, now).value_or("").c_str());
}

// Returns the number of the next request, or -1.
int64_t door_gate_take(void* gate, double now, char* reason, size_t length) {
  std::optional<std::string> found;
  const auto ticket = static_cast<door::NumberedGate*>(gate)->gate.take(now, &found);
  std::snprintf(reason, length, "%s", found.value_or("").c_str());
  return ticket ? ticket->number : -1;
}

void door_gate_leave(void* gate, int64_t number, double now) {
  auto& all = *static_cast<door::NumberedGate*>(gate);
  all.gate.leave(*all.tickets.at(number), now);
}

void door_gate_drop(void* gate, int64_t number) {
  auto& all = *static_cast<door::NumberedGate*>(gate);
  all.gate.drop(*all.tickets.at(number));
}

void door_gate_pause(void* gate, double now) {
  static_cast<door::NumberedGate*>(gate)->gate.pause(now);
}
void door_gate_resume(void* gate, double now) {
  static_cast<door::NumberedGate*>(gate)->gate.resume(now);
}
}
