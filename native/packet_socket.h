// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "fd.h"
#include "handle.h"
#include "poll.h"

namespace veer {

struct PacketSocketInit {
  Fd fd;
  std::string name;
  Napi::Function listener;
};

/** AF_PACKET, SOCK_RAW on one interface, read on the event loop. */
class PacketSocket : public Handle<PacketSocket, PacketSocketInit> {
 public:
  static constexpr Kind kKind = Kind::kPacketSocket;
  static constexpr const char* kName = "packet socket";

  static Napi::Function Define(Napi::Env env);
  explicit PacketSocket(const Napi::CallbackInfo& info);

  /** The addon's openPacketSocket. */
  static Napi::Value Open(const Napi::CallbackInfo& info);

 private:
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void Receive();

  Fd fd_;
  std::string name_;
  Napi::FunctionReference listener_;
  // After fd_, so that the watch ends before the descriptor is closed.
  std::unique_ptr<Poll> poll_;
};

}  // namespace veer
