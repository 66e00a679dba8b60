// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bpf/libbpf.h>

#include <string>
#include <vector>

#include "fd.h"
#include "handle.h"
#include "poll.h"

namespace veer {

struct RingBufferInit {
  Fd map;
  std::string name;
  Napi::Function listener;
};

/** Consumer of a BPF_MAP_TYPE_RINGBUF map on the event loop. */
class RingBuffer : public Handle<RingBuffer, RingBufferInit> {
 public:
  static constexpr Kind kKind = Kind::kRingBuffer;
  static constexpr const char* kName = "ring buffer";

  static Napi::Function Define(Napi::Env env);
  explicit RingBuffer(const Napi::CallbackInfo& info);

  /** The addon's openRingBuffer. */
  static Napi::Value Open(const Napi::CallbackInfo& info);

 private:
  Napi::Value Close(const Napi::CallbackInfo& info);
  static int Collect(void* self, void* data, size_t size);
  void Deliver();

  struct FreeRing {
    void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
  };

  Fd map_;
  std::unique_ptr<ring_buffer, FreeRing> ring_;
  Napi::FunctionReference listener_;
  std::vector<std::string> records_;
  // Last, so that the watch ends before the ring's descriptor is closed.
  std::unique_ptr<Poll> poll_;
};

}  // namespace veer
