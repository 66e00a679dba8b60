// SPDX-License-Identifier: Apache-2.0
#include "packet_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "args.h"
#include "error.h"
#include "interface.h"

namespace veer {

namespace {

/** The largest frame without segmentation offload beyond 64 KB, with its Ethernet and VLAN headers.
 */
constexpr size_t kMaxFrame = 65536 + 64;
/** Frames taken per turn of the event loop, so that a flood starves nobody. */
constexpr int kFramesPerTurn = 256;

/** An array of [code, jt, jf, k], the members of sock_filter; empty when absent. */
std::vector<sock_filter> AsFilter(const Napi::Value& value, const std::string& what) {
  std::vector<sock_filter> filter;
  if (IsAbsent(value)) return filter;
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), what + ": expected an array");
  auto instructions = value.As<Napi::Array>();
  if (instructions.Length() > BPF_MAXINSNS) {
    throw Napi::RangeError::New(value.Env(), what + ": too long");
  }
  for (uint32_t i = 0; i < instructions.Length(); i++) {
    Napi::Object fields = AsObject(instructions.Get(i), what);
    uint32_t code = AsU32(fields.Get(0u), what), k = AsU32(fields.Get(3u), what);
    uint32_t jt = AsU32(fields.Get(1u), what), jf = AsU32(fields.Get(2u), what);
    if (code > UINT16_MAX || jt > UINT8_MAX || jf > UINT8_MAX) {
      throw Napi::RangeError::New(value.Env(), what + ": code or jump out of range");
    }
    filter.push_back(
        {static_cast<uint16_t>(code), static_cast<uint8_t>(jt), static_cast<uint8_t>(jf), k});
  }
  return filter;
}

void AttachFilter(Napi::Env env, const Fd& fd, std::vector<sock_filter> filter,
                  const std::string& name) {
  if (filter.empty()) return;
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (setsockopt(fd.Get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0) {
    Throw(env, {errno, "setsockopt(SO_ATTACH_FILTER)", "interface", name});
  }
}

}  // namespace

Napi::Function PacketSocket::Define(Napi::Env env) {
  return DefineClass(env, "PacketSocket",
                     {
                         InstanceMethod<&PacketSocket::Send>("send"),
                         InstanceMethod<&PacketSocket::Close>("close"),
                     });
}

PacketSocket::PacketSocket(const Napi::CallbackInfo& info) : Handle(info) {
  PacketSocketInit init = TakeInit(info.Env());
  fd_ = std::move(init.fd);
  name_ = std::move(init.name);
  listener_ = Napi::Persistent(init.listener);
  poll_ = std::make_unique<Poll>(info.Env(), fd_.Get(), "packet socket", [this] { Receive(); });
  // Alive until closed, whether or not JavaScript keeps the handle.
  Ref();
}

Napi::Value PacketSocket::Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t ifindex = AsU32(info[0], "openPacketSocket: ifindex");
  uint32_t protocol = AsU32(info[1], "openPacketSocket: protocol");
  if (protocol == 0 || protocol > UINT16_MAX) {
    throw Napi::RangeError::New(env, "openPacketSocket: protocol: expected 1 to 65535");
  }
  Napi::Function listener = AsFunction(info[2], "openPacketSocket: onFrame");
  std::vector<sock_filter> filter = AsFilter(info[3], "openPacketSocket: filter");
  std::string name = DescribeInterface(ifindex);
  // Protocol 0 hears nothing until bound: no frame slips in from another interface or past the
  // filter.
  Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.IsOpen()) Throw(env, {errno, "socket", "interface", name});
  AttachFilter(env, fd, std::move(filter), name);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(static_cast<uint16_t>(protocol));
  address.sll_ifindex = static_cast<int>(ifindex);
  if (bind(fd.Get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) < 0) {
    Throw(env, {errno, "bind", "interface", name});
  }
  return Create(env, {std::move(fd), name, listener});
}

Napi::Value PacketSocket::Send(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = RequireOpen(env, fd_, {0, "send", "interface", name_});
  Bytes frame = AsBytes(info[0], "send: frame");
  if (send(fd, frame.data, frame.size, 0) < 0) Throw(env, {errno, "send", "interface", name_});
  return env.Undefined();
}

void PacketSocket::Receive() {
  Napi::Object self = Value();
  Napi::Env env = self.Env();
  std::vector<uint8_t> frame(kMaxFrame);
  for (int i = 0; i < kFramesPerTurn && poll_; i++) {
    sockaddr_ll from{};
    socklen_t from_size = sizeof(from);
    ssize_t size = recvfrom(fd_.Get(), frame.data(), frame.size(), MSG_TRUNC,
                            reinterpret_cast<sockaddr*>(&from), &from_size);
    // EAGAIN: all read. ENETDOWN: told once when the link goes down; it may come back.
    if (size < 0) return;
    bool whole = static_cast<size_t>(size) <= frame.size();
    if (from.sll_pkttype == PACKET_OUTGOING || !whole) continue;
    Napi::HandleScope scope(env);
    CallListener(listener_,
                 Napi::Buffer<uint8_t>::Copy(env, frame.data(), static_cast<size_t>(size)));
  }
}

Napi::Value PacketSocket::Close(const Napi::CallbackInfo& info) {
  if (poll_) {
    poll_.reset();
    fd_.Close();
    Unref();
  }
  return info.Env().Undefined();
}

}  // namespace veer
