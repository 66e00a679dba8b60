// SPDX-License-Identifier: Apache-2.0
#include "object.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <optional>
#include <vector>

#include "args.h"
#include "error.h"
#include "map.h"
#include "program.h"
#include "task.h"

namespace veer {

namespace {

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};

struct FreeMemory {
  void operator()(char* memory) const { std::free(memory); }
};

/** One program's verifier log: the largest the kernel takes, paid for only as far as written. */
struct Log {
  bpf_program* program;
  std::unique_ptr<char, FreeMemory> text;
};

/** Fewer logs than programs only when memory is out; those load without. */
std::vector<Log> AttachLogs(bpf_object* object, uint32_t level) {
  std::vector<Log> logs;
  bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(object, program))) {
    Log log{program, std::unique_ptr<char, FreeMemory>(
                         static_cast<char*>(std::calloc(BPF_LOG_BUF_SIZE, 1)))};
    if (!log.text) break;
    bpf_program__set_log_buf(program, log.text.get(), BPF_LOG_BUF_SIZE);
    bpf_program__set_log_level(program, level);
    logs.push_back(std::move(log));
  }
  return logs;
}

}  // namespace

struct ObjectState {
  std::unique_ptr<bpf_object, CloseObject> object;
  std::string name;
  bool loading = false;
  bool closed = false;
  std::map<std::string, std::string> logs;
  /** Of the refused program; empty when the load failed for another reason. */
  std::string refused;
  std::optional<Failure> failure;

  void Load(uint32_t log_level);
  Napi::Value FinishLoad(Napi::Env env);
};

/*
 * With level 0 libbpf asks for a log only after the kernel refused a program, by loading that one
 * again; so whichever level, the last program with a log is the one at which a load stopped.
 */
void ObjectState::Load(uint32_t log_level) {
  std::vector<Log> buffers = AttachLogs(object.get(), log_level);
  int result = bpf_object__load(object.get());
  for (const Log& log : buffers) {
    bpf_program__set_log_buf(log.program, nullptr, 0);
    if (log.text.get()[0] == '\0') continue;
    std::string program = bpf_program__name(log.program);
    logs[program] = log.text.get();
    if (result < 0) refused = program;
  }
  if (result < 0) failure = Failure{-result, "bpf_object__load", "object", name};
}

Napi::Value ObjectState::FinishLoad(Napi::Env env) {
  loading = false;
  if (closed) {
    object.reset();
    Throw(env, {ECANCELED, "bpf_object__load", "object", name});
  }
  if (!failure) return env.Undefined();
  Napi::Error error = ToError(env, *failure);
  if (!refused.empty()) {
    error.Set("program", Napi::String::New(env, refused));
    error.Set("verifierLog", Napi::String::New(env, logs[refused]));
  }
  throw error;
}

Napi::Function Object::Define(Napi::Env env) {
  return DefineClass(env, "Object",
                     {
                         InstanceMethod<&Object::MapNames>("mapNames"),
                         InstanceMethod<&Object::ProgramNames>("programNames"),
                         InstanceMethod<&Object::SetMapMaxEntries>("setMapMaxEntries"),
                         InstanceMethod<&Object::SetMapInitialValue>("setMapInitialValue"),
                         InstanceMethod<&Object::MapInitialValue>("mapInitialValue"),
                         InstanceMethod<&Object::ReuseMap>("reuseMap"),
                         InstanceMethod<&Object::SetProgramAutoload>("setProgramAutoload"),
                         InstanceMethod<&Object::Load>("load"),
                         InstanceMethod<&Object::GetMap>("map"),
                         InstanceMethod<&Object::GetProgram>("program"),
                         InstanceMethod<&Object::ProgramLog>("programLog"),
                         InstanceMethod<&Object::Close>("close"),
                     });
}

Object::Object(const Napi::CallbackInfo& info) : Handle(info), state_(TakeInit(info.Env())) {}

Napi::Value Object::Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Bytes elf = AsBytes(info[0], "openObject: elf");
  auto state = std::make_shared<ObjectState>();
  state->name = AsString(info[1], "openObject: name");
  bpf_object_open_opts opts{};
  opts.sz = sizeof(opts);
  opts.object_name = state->name.c_str();
  // libbpf reads the ELF within this call and keeps nothing of our memory.
  state->object.reset(bpf_object__open_mem(elf.data, elf.size, &opts));
  if (!state->object) Throw(env, {errno, "bpf_object__open_mem", "object", state->name});
  return Create(env, std::move(state));
}

bpf_object* Object::Use(Napi::Env env, const char* syscall) const {
  if (state_->closed) Throw(env, {EBADF, syscall, "object", state_->name});
  if (state_->loading) Throw(env, {EBUSY, syscall, "object", state_->name});
  return state_->object.get();
}

std::string Object::Member(const char* member) const {
  return state_->name + "/" + member;
}

bpf_map* Object::FindMap(const Napi::CallbackInfo& info, const char* syscall) const {
  bpf_object* object = Use(info.Env(), syscall);
  std::string name = AsString(info[0], "map name");
  bpf_map* map = bpf_object__find_map_by_name(object, name.c_str());
  if (!map) {
    Throw(info.Env(), {ENOENT, "bpf_object__find_map_by_name", "map", Member(name.c_str())});
  }
  return map;
}

bpf_program* Object::FindProgram(const Napi::CallbackInfo& info, const char* syscall) const {
  bpf_object* object = Use(info.Env(), syscall);
  std::string name = AsString(info[0], "program name");
  bpf_program* program = bpf_object__find_program_by_name(object, name.c_str());
  if (!program) {
    Throw(info.Env(),
          {ENOENT, "bpf_object__find_program_by_name", "program", Member(name.c_str())});
  }
  return program;
}

Napi::Value Object::MapNames(const Napi::CallbackInfo& info) {
  bpf_object* object = Use(info.Env(), "bpf_object__next_map");
  Napi::Array names = Napi::Array::New(info.Env());
  bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(object, map))) {
    names.Set(names.Length(), Napi::String::New(info.Env(), bpf_map__name(map)));
  }
  return names;
}

Napi::Value Object::ProgramNames(const Napi::CallbackInfo& info) {
  bpf_object* object = Use(info.Env(), "bpf_object__next_program");
  Napi::Array names = Napi::Array::New(info.Env());
  bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(object, program))) {
    names.Set(names.Length(), Napi::String::New(info.Env(), bpf_program__name(program)));
  }
  return names;
}

Napi::Value Object::SetMapMaxEntries(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info, "bpf_map__set_max_entries");
  int result = bpf_map__set_max_entries(map, AsU32(info[1], "maxEntries"));
  if (result < 0) {
    Throw(info.Env(), {-result, "bpf_map__set_max_entries", "map", Member(bpf_map__name(map))});
  }
  return info.Env().Undefined();
}

Napi::Value Object::SetMapInitialValue(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info, "bpf_map__set_initial_value");
  std::string member = Member(bpf_map__name(map));
  Bytes value = AsBytes(info[1], "map " + member + ": value", bpf_map__value_size(map));
  int result = bpf_map__set_initial_value(map, value.data, value.size);
  if (result < 0) Throw(info.Env(), {-result, "bpf_map__set_initial_value", "map", member});
  return info.Env().Undefined();
}

Napi::Value Object::MapInitialValue(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info, "bpf_map__initial_value");
  size_t size = 0;
  auto* value = static_cast<const uint8_t*>(bpf_map__initial_value(map, &size));
  if (!value) {
    Throw(info.Env(), {EINVAL, "bpf_map__initial_value", "map", Member(bpf_map__name(map))});
  }
  return Napi::Buffer<uint8_t>::Copy(info.Env(), value, size);
}

Napi::Value Object::ReuseMap(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info, "bpf_map__reuse_fd");
  int fd = Map::From(info[1], "reuseMap: live")->Use(info.Env(), "bpf_map__reuse_fd");
  int result = bpf_map__reuse_fd(map, fd);
  if (result < 0) {
    Throw(info.Env(), {-result, "bpf_map__reuse_fd", "map", Member(bpf_map__name(map))});
  }
  return info.Env().Undefined();
}

Napi::Value Object::SetProgramAutoload(const Napi::CallbackInfo& info) {
  bpf_program* program = FindProgram(info, "bpf_program__set_autoload");
  int result = bpf_program__set_autoload(program, AsBool(info[1], "setProgramAutoload: load"));
  if (result < 0) {
    Throw(info.Env(),
          {-result, "bpf_program__set_autoload", "program", Member(bpf_program__name(program))});
  }
  return info.Env().Undefined();
}

Napi::Value Object::Load(const Napi::CallbackInfo& info) {
  Use(info.Env(), "bpf_object__load");
  uint32_t log_level = 0;
  if (!IsAbsent(info[0])) {
    Napi::Object options = AsObject(info[0], "load: options");
    log_level = AsU32Or(options.Get("logLevel"), "load: logLevel", 0);
  }
  state_->loading = true;
  state_->failure.reset();
  std::shared_ptr<ObjectState> state = state_;
  return Task::Run(
      info.Env(), [state, log_level] { state->Load(log_level); },
      [state](Napi::Env env) { return state->FinishLoad(env); });
}

Napi::Value Object::GetMap(const Napi::CallbackInfo& info) {
  bpf_map* map = FindMap(info, "bpf_map__fd");
  std::string member = Member(bpf_map__name(map));
  int fd = bpf_map__fd(map);
  if (fd < 0) Throw(info.Env(), {EINVAL, "bpf_map__fd", "map", member + " (not loaded)"});
  Fd own(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own.IsOpen()) Throw(info.Env(), {errno, "fcntl", "map", member});
  return Map::Create(info.Env(), std::move(own));
}

Napi::Value Object::GetProgram(const Napi::CallbackInfo& info) {
  bpf_program* program = FindProgram(info, "bpf_program__fd");
  std::string member = Member(bpf_program__name(program));
  int fd = bpf_program__fd(program);
  if (fd < 0) Throw(info.Env(), {EINVAL, "bpf_program__fd", "program", member + " (not loaded)"});
  Fd own(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!own.IsOpen()) Throw(info.Env(), {errno, "fcntl", "program", member});
  return Program::Create(info.Env(), std::move(own));
}

Napi::Value Object::ProgramLog(const Napi::CallbackInfo& info) {
  bpf_program* program = FindProgram(info, "programLog");
  auto log = state_->logs.find(bpf_program__name(program));
  return Napi::String::New(info.Env(), log == state_->logs.end() ? "" : log->second);
}

Napi::Value Object::Close(const Napi::CallbackInfo& info) {
  state_->closed = true;
  if (!state_->loading) state_->object.reset();
  return info.Env().Undefined();
}

}  // namespace veer
