// SPDX-License-Identifier: Apache-2.0
#include "notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <string>

#include "args.h"
#include "error.h"
#include "fd.h"

namespace veer {

namespace {

struct SocketAddress {
  sockaddr_un address;
  socklen_t size;
};

/** As sd_notify(3) has it: a path, or a name in the abstract namespace with @ in place of the first
 * NUL. */
SocketAddress AsSocketAddress(const Napi::Value& value) {
  std::string name = AsString(value, "notifyService: socket");
  SocketAddress result{};
  result.address.sun_family = AF_UNIX;
  bool is_abstract = name[0] == '@';
  if (name.size() < 2 || (!is_abstract && name[0] != '/')) {
    throw Napi::TypeError::New(value.Env(), "notifyService: socket: expected /PATH or @NAME");
  }
  // A path is followed by a NUL. An abstract name is not: each byte of the address would be part of
  // it.
  size_t room = sizeof(result.address.sun_path) - (is_abstract ? 0 : 1);
  if (name.size() > room) {
    throw Napi::RangeError::New(value.Env(), "notifyService: socket: too long");
  }
  name.copy(result.address.sun_path, room);
  if (is_abstract) result.address.sun_path[0] = '\0';
  size_t size = offsetof(sockaddr_un, sun_path) + name.size() + (is_abstract ? 0 : 1);
  result.size = static_cast<socklen_t>(size);
  return result;
}

}  // namespace

Napi::Value NotifyService(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  SocketAddress to = AsSocketAddress(info[0]);
  std::string name = AsString(info[0], "notifyService: socket");
  std::string message = AsString(info[1], "notifyService: message");
  Fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.IsOpen()) Throw(env, {errno, "socket", "path", name});
  // Without a signal when the manager has gone.
  ssize_t sent = sendto(fd.Get(), message.data(), message.size(), MSG_NOSIGNAL,
                        reinterpret_cast<const sockaddr*>(&to.address), to.size);
  if (sent < 0) Throw(env, {errno, "sendto", "path", name});
  return env.Undefined();
}

}  // namespace veer
