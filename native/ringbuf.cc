// SPDX-License-Identifier: Apache-2.0
#include "ringbuf.h"

#include <cerrno>

#include "args.h"
#include "error.h"
#include "map.h"

namespace veer {

namespace {

/** Records taken per turn of the event loop, so that a flood starves nobody. */
constexpr size_t kRecordsPerTurn = 1024;

}  // namespace

Napi::Function RingBuffer::Define(Napi::Env env) {
  return DefineClass(env, "RingBuffer", {InstanceMethod<&RingBuffer::Close>("close")});
}

RingBuffer::RingBuffer(const Napi::CallbackInfo& info) : Handle(info) {
  RingBufferInit init = TakeInit(info.Env());
  map_ = std::move(init.map);
  ring_.reset(ring_buffer__new(map_.Get(), Collect, this, nullptr));
  if (!ring_) Throw(info.Env(), {errno, "ring_buffer__new", "map", init.name});
  listener_ = Napi::Persistent(init.listener);
  poll_ = std::make_unique<Poll>(info.Env(), ring_buffer__epoll_fd(ring_.get()), "ring buffer",
                                 [this] { Deliver(); });
  // Alive until closed, whether or not JavaScript keeps the handle.
  Ref();
}

Napi::Value RingBuffer::Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Map* map = Map::From(info[0], "openRingBuffer: map");
  Fd fd(fcntl(map->Use(env, "ring_buffer__new"), F_DUPFD_CLOEXEC, 0));
  if (!fd.IsOpen()) Throw(env, {errno, "fcntl", "map", map->Name()});
  Napi::Function listener = AsFunction(info[1], "openRingBuffer: onRecord");
  return Create(env, {std::move(fd), map->Name(), listener});
}

int RingBuffer::Collect(void* self, void* data, size_t size) {
  auto& records = static_cast<RingBuffer*>(self)->records_;
  records.emplace_back(static_cast<const char*>(data), size);
  // A negative answer ends the turn, with this record consumed.
  return records.size() < kRecordsPerTurn ? 0 : -EAGAIN;
}

/** JavaScript runs only after libbpf is done, so that a listener may close the buffer. */
void RingBuffer::Deliver() {
  Napi::Object self = Value();
  Napi::Env env = self.Env();
  ring_buffer__consume(ring_.get());
  std::vector<std::string> records;
  records.swap(records_);
  for (const std::string& record : records) {
    if (!poll_) return;
    Napi::HandleScope scope(env);
    CallListener(listener_, Napi::Buffer<char>::Copy(env, record.data(), record.size()));
  }
}

Napi::Value RingBuffer::Close(const Napi::CallbackInfo& info) {
  if (poll_) {
    poll_.reset();
    ring_.reset();
    map_.Close();
    Unref();
  }
  return info.Env().Undefined();
}

}  // namespace veer
