// HTTP/2 connections over sockets that never block, on top of nghttp2.
#pragma once

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace door {

constexpr size_t READ_BYTES = 64 << 10, MAX_READ_BYTES = 512 << 10;
constexpr size_t MAX_WRITE_BYTES = 256 << 10;
constexpr int32_t STREAM_WINDOW = 1 << 20, CONNECTION_WINDOW = 8 << 20;

using Headers = std::vector<std::pair<std::string, std::string>>;

// Bytes that go out on a stream, from its first to its last.
struct Body {
  std::shared_ptr<const std::string> bytes;
  size_t sent = 0;
};

// A connection; what it does with frames is in the callbacks of its owner.
class Connection {
 public:
  Connection(int fd, int epoll) : fd(fd), epoll_(epoll) {
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = this;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  Connection(const Connection&) = delete;
  virtual ~Connection() {
    if (session != nullptr) nghttp2_session_del(session);
    if (fd >= 0) close(fd);
  }

  // Reads what is there; false at the end of the connection.
  bool read() {
    static char buffer[READ_BYTES];
    for (size_t total = 0; total < MAX_READ_BYTES;) {
      const ssize_t size = recv(fd, buffer, sizeof buffer, 0);
      if (size < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
      if (size == 0) return false;
      const auto* bytes = reinterpret_cast<const uint8_t*>(buffer);
      if (nghttp2_session_mem_recv(session, bytes, size) < 0) return false;
      total += size;
      if (size_t(size) < sizeof buffer) break;
    }
    return true;
  }

  // Writes what is due; false at the end of the connection.
  bool write() {
    while (true) {
      while (out_.size() - written_ < MAX_WRITE_BYTES) {
        const uint8_t* bytes = nullptr;
        const ssize_t size = nghttp2_session_mem_send(session, &bytes);
        if (size < 0) return false;
        if (size == 0) break;
        out_.append(reinterpret_cast<const char*>(bytes), size);
      }
      if (written_ == out_.size()) break;
      const ssize_t size = send(fd, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
      if (size < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return false;
        listen(true);
        return true;
      }
      written_ += size;
      if (written_ == out_.size()) out_.clear(), written_ = 0;
    }
    listen(false);
    return nghttp2_session_want_read(session) || nghttp2_session_want_write(session);
  }

  // Both are settled at the end of a turn.
  bool is_dead = false, is_dirty = false;
  int fd;
  nghttp2_session* session = nullptr;

 private:
  void listen(bool wants_write) {
    if (wants_write == wants_write_) return;
    wants_write_ = wants_write;
    epoll_event event{};
    event.events = wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = this;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
  }

  int epoll_;
  bool wants_write_ = false;
  std::string out_;
  size_t written_ = 0;
};

inline nghttp2_nv to_nv(std::string_view name, std::string_view value) {
  return {
      reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
      reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
      NGHTTP2_NV_FLAG_NONE};
}

inline std::vector<nghttp2_nv> to_nvs(const Headers& headers) {
  std::vector<nghttp2_nv> found;
  found.reserve(headers.size());
  for (const auto& [name, value] : headers) found.push_back(to_nv(name, value));
  return found;
}

// A callback that hands out the rest of a Body.
inline ssize_t read_body(
    nghttp2_session*, int32_t, uint8_t* buffer, size_t length, uint32_t* flags,
    nghttp2_data_source* source, void*) {
  auto* body = static_cast<Body*>(source->ptr);
  const size_t size = std::min(length, body->bytes->size() - body->sent);
  std::memcpy(buffer, body->bytes->data() + body->sent, size);
  body->sent += size;
  if (body->sent == body->bytes->size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return size;
}

inline void set_windows(nghttp2_session* session, uint32_t max_streams) {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 3);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
}

}  // namespace door
