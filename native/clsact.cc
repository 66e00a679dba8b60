// SPDX-License-Identifier: Apache-2.0
#include "clsact.h"

#include <bpf/libbpf.h>

#include <cerrno>

#include "args.h"
#include "error.h"
#include "interface.h"
#include "program.h"

namespace veer {

namespace {

bpf_tc_hook Hook(uint32_t ifindex, int attach_point) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = static_cast<bpf_tc_attach_point>(attach_point);
  return hook;
}

bpf_tc_hook Hook(uint32_t ifindex, const Napi::Value& direction) {
  return Hook(ifindex, IsIngress(direction) ? BPF_TC_INGRESS : BPF_TC_EGRESS);
}

bpf_tc_opts Filter(uint32_t handle, uint32_t priority) {
  bpf_tc_opts opts{};
  opts.sz = sizeof(opts);
  opts.handle = handle;
  opts.priority = priority;
  return opts;
}

[[noreturn]] void Fail(Napi::Env env, int result, const char* syscall, uint32_t ifindex) {
  Throw(env, {-result, syscall, "interface", DescribeInterface(ifindex)});
}

}  // namespace

Napi::Value AttachClsact(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int program = Program::From(info[0], "program")->Use(env, "bpf_tc_attach");
  uint32_t ifindex = AsU32(info[1], "ifindex");
  bpf_tc_hook hook = Hook(ifindex, info[2]);
  bpf_tc_opts filter = Filter(AsU32(info[3], "handle"), AsU32(info[4], "priority"));
  int created = bpf_tc_hook_create(&hook);
  if (created < 0 && created != -EEXIST) Fail(env, created, "bpf_tc_hook_create", ifindex);
  filter.prog_fd = program;
  // Handle and priority name our own filter, so attaching again replaces it without a gap.
  filter.flags = BPF_TC_F_REPLACE;
  int result = bpf_tc_attach(&hook, &filter);
  if (result < 0) Fail(env, result, "bpf_tc_attach", ifindex);
  return Napi::Boolean::New(env, created == 0);
}

Napi::Value DetachClsact(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t ifindex = AsU32(info[0], "ifindex");
  bpf_tc_hook hook = Hook(ifindex, info[1]);
  bpf_tc_opts filter = Filter(AsU32(info[2], "handle"), AsU32(info[3], "priority"));
  int result = bpf_tc_detach(&hook, &filter);
  if (result < 0) Fail(env, result, "bpf_tc_detach", ifindex);
  return env.Undefined();
}

Napi::Value QueryClsact(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t ifindex = AsU32(info[0], "ifindex");
  bpf_tc_hook hook = Hook(ifindex, info[1]);
  bpf_tc_opts filter = Filter(AsU32(info[2], "handle"), AsU32(info[3], "priority"));
  int result = bpf_tc_query(&hook, &filter);
  // Without the filter; without the qdisc.
  if (result == -ENOENT || result == -EINVAL) return Napi::Number::New(env, 0);
  if (result < 0) Fail(env, result, "bpf_tc_query", ifindex);
  return Napi::Number::New(env, filter.prog_id);
}

Napi::Value RemoveClsact(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t ifindex = AsU32(info[0], "ifindex");
  bpf_tc_hook hook = Hook(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
  int result = bpf_tc_hook_destroy(&hook);
  if (result < 0) Fail(env, result, "bpf_tc_hook_destroy", ifindex);
  return env.Undefined();
}

}  // namespace veer
