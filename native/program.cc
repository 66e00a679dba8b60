// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cerrno>
#include <optional>
#include <vector>

#include "args.h"
#include "error.h"
#include "netns.h"
#include "task.h"

namespace veer {

namespace {

/** Room for what encapsulation or a reply may add to the packet. */
constexpr uint32_t kGrowth = 512;
/** The kernel takes no packet or context near this; larger is a mistake, not a packet. */
constexpr uint32_t kMaxRunBytes = 1u << 24;

std::string Hex(const uint8_t* bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < size; i++) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::vector<uint8_t> CopyBytes(const Napi::Value& value, const std::string& what) {
  if (IsAbsent(value)) return {};
  Bytes bytes = AsBytes(value, what);
  if (bytes.size > kMaxRunBytes) throw Napi::RangeError::New(value.Env(), what + ": too long");
  return {bytes.data, bytes.data + bytes.size};
}

/** Reads `info` and, in a second call, the ids of the maps. */
int ProgramInfo(int fd, bpf_prog_info* info, std::vector<uint32_t>* map_ids) {
  uint32_t size = sizeof(*info);
  int result = bpf_obj_get_info_by_fd(fd, info, &size);
  if (result < 0 || info->nr_map_ids == 0) return result;
  map_ids->resize(info->nr_map_ids);
  *info = {};
  info->nr_map_ids = static_cast<uint32_t>(map_ids->size());
  info->map_ids = reinterpret_cast<uintptr_t>(map_ids->data());
  size = sizeof(*info);
  return bpf_obj_get_info_by_fd(fd, info, &size);
}

}  // namespace

struct Program::Run {
  Fd fd;
  std::string name;
  std::vector<uint8_t> data;
  std::vector<uint8_t> context;
  std::vector<uint8_t> data_out;
  std::vector<uint8_t> context_out;
  bpf_test_run_opts opts{};
  std::optional<Failure> failure;

  void Execute();
  Napi::Value Result(Napi::Env env) const;
};

void Program::Run::Execute() {
  opts.data_in = data.empty() ? nullptr : data.data();
  opts.data_size_in = static_cast<uint32_t>(data.size());
  opts.data_out = data_out.empty() ? nullptr : data_out.data();
  opts.data_size_out = static_cast<uint32_t>(data_out.size());
  opts.ctx_in = context.empty() ? nullptr : context.data();
  opts.ctx_size_in = static_cast<uint32_t>(context.size());
  context_out.resize(context.size());
  opts.ctx_out = context_out.empty() ? nullptr : context_out.data();
  opts.ctx_size_out = static_cast<uint32_t>(context_out.size());
  int result = bpf_prog_test_run_opts(fd.Get(), &opts);
  if (result < 0) {
    failure = Failure{-result, "bpf_prog_test_run_opts", "program", name};
    return;
  }
  // On some paths (live frames) the kernel leaves the sizes as they were.
  if (opts.data_size_out < data_out.size()) data_out.resize(opts.data_size_out);
  if (opts.ctx_size_out < context_out.size()) context_out.resize(opts.ctx_size_out);
}

Napi::Value Program::Run::Result(Napi::Env env) const {
  if (failure) Throw(env, *failure);
  Napi::Object result = Napi::Object::New(env);
  result.Set("retval", opts.retval);
  result.Set("data", ToBuffer(env, data_out));
  result.Set("context", ToBuffer(env, context_out));
  result.Set("durationNs", opts.duration);
  return result;
}

Napi::Function Program::Define(Napi::Env env) {
  return DefineClass(env, "Program",
                     {
                         InstanceAccessor<&Program::GetFd>("fd"),
                         InstanceMethod<&Program::Info>("info"),
                         InstanceMethod<&Program::TestRun>("testRun"),
                         InstanceMethod<&Program::TestRunAsync>("testRunAsync"),
                         InstanceMethod<&Program::Pin>("pin"),
                         InstanceMethod<&Program::Close>("close"),
                     });
}

Program::Program(const Napi::CallbackInfo& info) : Handle(info), fd_(TakeInit(info.Env())) {
  bpf_prog_info program{};
  uint32_t size = sizeof(program);
  if (bpf_obj_get_info_by_fd(fd_.Get(), &program, &size) < 0) {
    Throw(info.Env(),
          {errno, "bpf_obj_get_info_by_fd", "program", "fd " + std::to_string(fd_.Get())});
  }
  name_ = program.name[0] ? program.name : "id " + std::to_string(program.id);
}

Napi::Value Program::Open(const Napi::CallbackInfo& info) {
  return Create(info.Env(), OpenPinned(info.Env(), AsString(info[0], "path"), "prog"));
}

Napi::Value Program::ById(const Napi::CallbackInfo& info) {
  uint32_t id = AsU32(info[0], "program id");
  Fd fd(bpf_prog_get_fd_by_id(id));
  if (!fd.IsOpen()) {
    Throw(info.Env(), {errno, "bpf_prog_get_fd_by_id", "program", "id " + std::to_string(id)});
  }
  return Create(info.Env(), std::move(fd));
}

int Program::Use(Napi::Env env, const char* syscall) const {
  return RequireOpen(env, fd_, {0, syscall, "program", name_});
}

Napi::Value Program::GetFd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Use(info.Env(), "fd"));
}

Napi::Value Program::Info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  bpf_prog_info program{};
  std::vector<uint32_t> ids;
  if (ProgramInfo(Use(env, "bpf_obj_get_info_by_fd"), &program, &ids) < 0) {
    Throw(env, {errno, "bpf_obj_get_info_by_fd", "program", name_});
  }
  Napi::Array map_ids = Napi::Array::New(env, ids.size());
  for (uint32_t i = 0; i < ids.size(); i++) map_ids.Set(i, ids[i]);
  Napi::Object result = Napi::Object::New(env);
  result.Set("id", program.id);
  result.Set("type", program.type);
  result.Set("name", std::string(program.name));
  result.Set("tag", Hex(program.tag, sizeof(program.tag)));
  result.Set("jitedBytes", program.jited_prog_len);
  result.Set("translatedBytes", program.xlated_prog_len);
  result.Set("verifiedInstructions", program.verified_insns);
  result.Set("mapIds", map_ids);
  return result;
}

std::shared_ptr<Program::Run> Program::PrepareRun(const Napi::CallbackInfo& info) const {
  Use(info.Env(), "bpf_prog_test_run_opts");
  Napi::Object options = AsObject(info[0], "testRun: options");
  auto run = std::make_shared<Run>();
  run->name = name_;
  run->data = CopyBytes(options.Get("data"), "testRun: data");
  run->context = CopyBytes(options.Get("context"), "testRun: context");
  run->opts.sz = sizeof(run->opts);
  run->opts.repeat = static_cast<int>(AsU32Or(options.Get("repeat"), "testRun: repeat", 1));
  run->opts.flags = AsU32Or(options.Get("flags"), "testRun: flags", 0);
  run->opts.batch_size = AsU32Or(options.Get("batchSize"), "testRun: batchSize", 0);
  run->opts.cpu = AsU32Or(options.Get("cpu"), "testRun: cpu", 0);
  bool live = run->opts.flags & BPF_F_TEST_XDP_LIVE_FRAMES;
  bool returns_data = !live && !run->data.empty();
  uint32_t fallback = returns_data ? static_cast<uint32_t>(run->data.size()) + kGrowth : 0;
  uint32_t room = AsU32Or(options.Get("dataOutSize"), "testRun: dataOutSize", fallback);
  if (room > kMaxRunBytes + kGrowth) {
    throw Napi::RangeError::New(info.Env(), "testRun: dataOutSize: too large");
  }
  run->data_out.resize(room);
  run->fd = fd_.Duplicate();
  if (!run->fd.IsOpen()) Throw(info.Env(), {errno, "fcntl", "program", name_});
  return run;
}

Napi::Value Program::TestRun(const Napi::CallbackInfo& info) {
  std::shared_ptr<Run> run = PrepareRun(info);
  run->Execute();
  return run->Result(info.Env());
}

Napi::Value Program::TestRunAsync(const Napi::CallbackInfo& info) {
  std::shared_ptr<Run> run = PrepareRun(info);
  // The kernel resolves ingress_ifindex and the program's FIB lookups in the running thread's
  // netns.
  auto netns = std::make_shared<Fd>(OpenCurrentNetns());
  if (!netns->IsOpen()) Throw(info.Env(), {errno, "open", "path", kCurrentNetns});
  return Task::Run(
      info.Env(),
      [run, netns] {
        NetnsScope scope(netns->Get());
        if (scope.Error() != 0) {
          run->failure = Failure{scope.Error(), "setns", "program", run->name};
        } else {
          run->Execute();
        }
      },
      [run](Napi::Env env) { return run->Result(env); });
}

Napi::Value Program::Pin(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Use(env, "bpf_obj_pin");
  std::string path = AsString(info[0], "path");
  if (bpf_obj_pin(fd, path.c_str()) < 0) Throw(env, {errno, "bpf_obj_pin", "path", path});
  return env.Undefined();
}

Napi::Value Program::Close(const Napi::CallbackInfo& info) {
  fd_.Close();
  return info.Env().Undefined();
}

}  // namespace veer
