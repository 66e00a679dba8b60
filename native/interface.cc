// SPDX-License-Identifier: Apache-2.0
#include "interface.h"

#include <bpf/libbpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "args.h"
#include "error.h"
#include "fd.h"

namespace veer {

namespace {

/** IFNAMSIZ counts the NUL. */
std::string AsInterfaceName(const Napi::Value& value) {
  std::string name = AsString(value, "interface name");
  if (name.empty() || name.size() >= IFNAMSIZ) {
    throw Napi::TypeError::New(value.Env(), "interface name: expected 1 to 15 characters");
  }
  return name;
}

const char* ModeName(uint8_t mode) {
  switch (mode) {
    case XDP_ATTACHED_DRV:
      return "native";
    case XDP_ATTACHED_SKB:
      return "generic";
    case XDP_ATTACHED_HW:
      return "offload";
    case XDP_ATTACHED_MULTI:
      return "multi";
    default:
      return "none";
  }
}

/** Any socket will do: the ioctls of interfaces look at its namespace alone. */
Fd OpenControlSocket(Napi::Env env, const std::string& interface_name) {
  Fd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.IsOpen()) Throw(env, {errno, "socket", "interface", interface_name});
  return fd;
}

/** Asks for one of the offloads that have an ethtool command of their own. */
bool IsOffloadOn(Napi::Env env, const Fd& fd, const std::string& interface_name, uint32_t command) {
  ethtool_value value{};
  value.cmd = command;
  ifreq request{};
  interface_name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  if (ioctl(fd.Get(), SIOCETHTOOL, &request) < 0) {
    Throw(env, {errno, "SIOCETHTOOL", "interface", interface_name});
  }
  return value.data != 0;
}

/** With programs in several modes `prog_id` is 0; the first that sees a packet answers then. */
uint32_t FirstProgram(const bpf_xdp_query_opts& query) {
  if (query.prog_id) return query.prog_id;
  if (query.hw_prog_id) return query.hw_prog_id;
  return query.drv_prog_id ? query.drv_prog_id : query.skb_prog_id;
}

}  // namespace

std::string DescribeInterface(uint32_t ifindex) {
  char name[IFNAMSIZ];
  return if_indextoname(ifindex, name) ? name : "ifindex " + std::to_string(ifindex);
}

bool IsIngress(const Napi::Value& direction) {
  std::string text = AsString(direction, "direction");
  if (text != "ingress" && text != "egress") {
    throw Napi::TypeError::New(direction.Env(), "direction: expected 'ingress' or 'egress'");
  }
  return text == "ingress";
}

Napi::Value InterfaceIndex(const Napi::CallbackInfo& info) {
  std::string name = AsInterfaceName(info[0]);
  unsigned int ifindex = if_nametoindex(name.c_str());
  if (ifindex == 0) Throw(info.Env(), {errno, "if_nametoindex", "interface", name});
  return Napi::Number::New(info.Env(), ifindex);
}

Napi::Value InterfaceName(const Napi::CallbackInfo& info) {
  uint32_t ifindex = AsU32(info[0], "ifindex");
  char name[IFNAMSIZ];
  if (!if_indextoname(ifindex, name)) {
    Throw(info.Env(), {errno, "if_indextoname", "interface", "ifindex " + std::to_string(ifindex)});
  }
  return Napi::String::New(info.Env(), name);
}

Napi::Value SetMulticastMac(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string name = AsInterfaceName(info[0]);
  Bytes mac = AsBytes(info[1], "setMulticastMac: mac", 6);
  bool add = AsBool(info[2], "setMulticastMac: add");
  Fd fd = OpenControlSocket(env, name);
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_hwaddr.sa_family = AF_UNSPEC;
  std::memcpy(request.ifr_hwaddr.sa_data, mac.data, mac.size);
  if (ioctl(fd.Get(), add ? SIOCADDMULTI : SIOCDELMULTI, &request) < 0) {
    Throw(env, {errno, add ? "SIOCADDMULTI" : "SIOCDELMULTI", "interface", name});
  }
  return env.Undefined();
}

Napi::Value InterfaceOffloads(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string name = AsInterfaceName(info[0]);
  Fd fd = OpenControlSocket(env, name);
  Napi::Object answer = Napi::Object::New(env);
  answer.Set("gro", IsOffloadOn(env, fd, name, ETHTOOL_GGRO));
  answer.Set("txChecksums", IsOffloadOn(env, fd, name, ETHTOOL_GTXCSUM));
  return answer;
}

Napi::Value QueryXdp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t ifindex = AsU32(info[0], "ifindex");
  // The netlink dump that libbpf filters says nothing of an absent interface, which reads as
  // "none".
  char name[IFNAMSIZ];
  if (!if_indextoname(ifindex, name)) {
    Throw(env, {ENODEV, "bpf_xdp_query", "interface", DescribeInterface(ifindex)});
  }
  bpf_xdp_query_opts query{};
  query.sz = sizeof(query);
  int result = bpf_xdp_query(static_cast<int>(ifindex), 0, &query);
  if (result < 0) Throw(env, {-result, "bpf_xdp_query", "interface", name});
  Napi::Object answer = Napi::Object::New(env);
  answer.Set("programId", FirstProgram(query));
  answer.Set("mode", ModeName(query.attach_mode));
  return answer;
}

}  // namespace veer
