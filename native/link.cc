// SPDX-License-Identifier: Apache-2.0
#include "link.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <net/if.h>

#include <cerrno>
#include <cstring>

#include "args.h"
#include "error.h"
#include "interface.h"
#include "program.h"

namespace veer {

namespace {

// include/uapi/linux/bpf.h of Linux 6.6, which may be newer than the headers of the build.
constexpr uint32_t kTcxIngress = 46;
constexpr uint32_t kTcxEgress = 47;
constexpr uint32_t kLinkTypeTcx = 11;
struct TcxLinkInfo {
  uint32_t ifindex;
  uint32_t attach_type;
};
static_assert(sizeof(TcxLinkInfo) <= sizeof(bpf_link_info) - offsetof(bpf_link_info, xdp));

Fd CreateLink(Napi::Env env, const Napi::Value& value, uint32_t ifindex, uint32_t attach_type,
              uint32_t flags) {
  Program* program = Program::From(value, "program");
  int program_fd = program->Use(env, "bpf_link_create");
  bpf_link_create_opts opts{};
  opts.sz = sizeof(opts);
  opts.flags = flags;
  // libbpf hands attach types that it does not know to the kernel unchanged.
  Fd fd(bpf_link_create(program_fd, static_cast<int>(ifindex),
                        static_cast<bpf_attach_type>(attach_type), &opts));
  if (!fd.IsOpen()) {
    int error = errno;
    Throw(env, {error, "bpf_link_create", "interface", DescribeInterface(ifindex)});
  }
  return fd;
}

}  // namespace

Napi::Function Link::Define(Napi::Env env) {
  return DefineClass(env, "Link",
                     {
                         InstanceAccessor<&Link::GetFd>("fd"),
                         InstanceMethod<&Link::Info>("info"),
                         InstanceMethod<&Link::Update>("update"),
                         InstanceMethod<&Link::Pin>("pin"),
                         InstanceMethod<&Link::Detach>("detach"),
                         InstanceMethod<&Link::Close>("close"),
                     });
}

Link::Link(const Napi::CallbackInfo& info) : Handle(info), fd_(TakeInit(info.Env())) {
  bpf_link_info link{};
  uint32_t size = sizeof(link);
  if (bpf_obj_get_info_by_fd(fd_.Get(), &link, &size) < 0) {
    Throw(info.Env(), {errno, "bpf_obj_get_info_by_fd", "link", "fd " + std::to_string(fd_.Get())});
  }
  name_ = "id " + std::to_string(link.id);
}

Napi::Value Link::NewXdp(const Napi::CallbackInfo& info) {
  uint32_t ifindex = AsU32(info[1], "createXdpLink: ifindex");
  uint32_t flags = AsU32(info[2], "createXdpLink: flags");
  return Create(info.Env(), CreateLink(info.Env(), info[0], ifindex, BPF_XDP, flags));
}

Napi::Value Link::NewTcx(const Napi::CallbackInfo& info) {
  uint32_t ifindex = AsU32(info[1], "createTcxLink: ifindex");
  uint32_t type = IsIngress(info[2]) ? kTcxIngress : kTcxEgress;
  return Create(info.Env(), CreateLink(info.Env(), info[0], ifindex, type, 0));
}

Napi::Value Link::Open(const Napi::CallbackInfo& info) {
  return Create(info.Env(), OpenPinned(info.Env(), AsString(info[0], "path"), "link"));
}

int Link::Use(Napi::Env env, const char* syscall) const {
  return RequireOpen(env, fd_, {0, syscall, "link", name_});
}

void Link::Fail(Napi::Env env, const char* syscall) const {
  Throw(env, {errno, syscall, "link", name_});
}

Napi::Value Link::GetFd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Use(info.Env(), "fd"));
}

Napi::Value Link::Info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  bpf_link_info link{};
  uint32_t size = sizeof(link);
  int fd = Use(env, "bpf_obj_get_info_by_fd");
  if (bpf_obj_get_info_by_fd(fd, &link, &size) < 0) Fail(env, "bpf_obj_get_info_by_fd");
  Napi::Object result = Napi::Object::New(env);
  result.Set("id", link.id);
  result.Set("type", link.type);
  result.Set("programId", link.prog_id);
  result.Set("ifindex", 0);
  if (link.type == BPF_LINK_TYPE_XDP) result.Set("ifindex", link.xdp.ifindex);
  if (link.type == kLinkTypeTcx) {
    TcxLinkInfo tcx;
    std::memcpy(&tcx, &link.xdp, sizeof(tcx));
    result.Set("ifindex", tcx.ifindex);
    result.Set("attachType", tcx.attach_type);
  }
  return result;
}

Napi::Value Link::Update(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Use(env, "bpf_link_update");
  int program = Program::From(info[0], "program")->Use(env, "bpf_link_update");
  bpf_link_update_opts opts{};
  opts.sz = sizeof(opts);
  if (!IsAbsent(info[1])) {
    opts.flags = BPF_F_REPLACE;
    opts.old_prog_fd = Program::From(info[1], "old")->Use(env, "bpf_link_update");
  }
  if (bpf_link_update(fd, program, &opts) < 0) Fail(env, "bpf_link_update");
  return env.Undefined();
}

Napi::Value Link::Pin(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Use(env, "bpf_obj_pin");
  std::string path = AsString(info[0], "path");
  if (bpf_obj_pin(fd, path.c_str()) < 0) Throw(env, {errno, "bpf_obj_pin", "path", path});
  return env.Undefined();
}

Napi::Value Link::Detach(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (bpf_link_detach(Use(env, "bpf_link_detach")) < 0) Fail(env, "bpf_link_detach");
  return env.Undefined();
}

Napi::Value Link::Close(const Napi::CallbackInfo& info) {
  fd_.Close();
  return info.Env().Undefined();
}

}  // namespace veer
