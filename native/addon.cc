// SPDX-License-Identifier: Apache-2.0
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <napi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "clsact.h"
#include "error.h"
#include "file_lock.h"
#include "handle.h"
#include "interface.h"
#include "link.h"
#include "logger.h"
#include "map.h"
#include "netns.h"
#include "notify.h"
#include "object.h"
#include "packet_socket.h"
#include "program.h"
#include "ringbuf.h"

namespace veer {

AddonData::AddonData() = default;
AddonData::~AddonData() = default;

namespace {

Napi::Value Versions(const Napi::CallbackInfo& info) {
  Napi::Object versions = Napi::Object::New(info.Env());
  std::string libbpf =
      std::to_string(libbpf_major_version()) + "." + std::to_string(libbpf_minor_version());
  versions.Set("libbpf", libbpf);
  versions.Set("napi", NAPI_VERSION);
  return versions;
}

Napi::Value PossibleCpus(const Napi::CallbackInfo& info) {
  int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) {
    Throw(info.Env(),
          {-cpus, "libbpf_num_possible_cpus", "path", "/sys/devices/system/cpu/possible"});
  }
  return Napi::Number::New(info.Env(), cpus);
}

Napi::Value EffectiveCapabilities(const Napi::CallbackInfo& info) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, words) < 0) {
    Throw(info.Env(), {errno, "capget", "thread", std::to_string(gettid())});
  }
  return Napi::BigInt::New(info.Env(),
                           uint64_t{words[0].effective} | uint64_t{words[1].effective} << 32);
}

template <typename T>
void DefineHandle(Napi::Env env, AddonData* data) {
  data->constructors[static_cast<size_t>(T::kKind)] = Napi::Persistent(T::Define(env));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  Logger::Install();
  auto* data = new AddonData();
  env.SetInstanceData(data);
  DefineHandle<Object>(env, data);
  DefineHandle<Map>(env, data);
  DefineHandle<Program>(env, data);
  DefineHandle<Link>(env, data);
  DefineHandle<RingBuffer>(env, data);
  DefineHandle<PacketSocket>(env, data);
  DefineHandle<FileLock>(env, data);

  const struct {
    const char* name;
    Napi::Value (*function)(const Napi::CallbackInfo&);
  } functions[] = {
      {"versions", Versions},
      {"possibleCpus", PossibleCpus},
      {"effectiveCapabilities", EffectiveCapabilities},
      {"withNetns", WithNetns},
      {"interfaceIndex", InterfaceIndex},
      {"interfaceName", InterfaceName},
      {"setMulticastMac", SetMulticastMac},
      {"interfaceOffloads", InterfaceOffloads},
      {"lockFile", FileLock::Lock},
      {"notifyService", NotifyService},
      {"createMap", Map::New},
      {"openPinnedMap", Map::Open},
      {"mapById", Map::ById},
      {"openPinnedProgram", Program::Open},
      {"programById", Program::ById},
      {"createXdpLink", Link::NewXdp},
      {"createTcxLink", Link::NewTcx},
      {"openPinnedLink", Link::Open},
      {"queryXdp", QueryXdp},
      {"attachClsact", AttachClsact},
      {"detachClsact", DetachClsact},
      {"queryClsact", QueryClsact},
      {"removeClsact", RemoveClsact},
      {"openObject", Object::Open},
      {"openRingBuffer", RingBuffer::Open},
      {"openPacketSocket", PacketSocket::Open},
      {"setLogger", SetLogger},
  };
  for (const auto& entry : functions) {
    exports.Set(entry.name, Napi::Function::New(env, entry.function, entry.name));
  }
  return exports;
}

}  // namespace
}  // namespace veer

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) {
  return veer::Init(env, exports);
}

NODE_API_MODULE(veer, InitAddon)
