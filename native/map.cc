// SPDX-License-Identifier: Apache-2.0
#include "map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <vector>

#include "args.h"
#include "error.h"
#include "task.h"

namespace veer {

namespace {

/** No dump needs more in one call; keeps count * size far from overflow. */
constexpr uint64_t kMaxBatchBytes = 1u << 30;

bool IsPerCpu(uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
         type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

size_t ValueBytes(const bpf_map_info& info) {
  if (!IsPerCpu(info.type)) return info.value_size;
  // Documentation/bpf/map_hash.rst: each CPU's value is padded to 8 bytes, possible CPUs counted.
  size_t padded = (static_cast<size_t>(info.value_size) + 7) & ~size_t{7};
  return padded * static_cast<size_t>(libbpf_num_possible_cpus());
}

uint32_t AsCount(const Napi::Value& value, const std::string& what, size_t element_bytes) {
  uint32_t count = AsU32(value, what);
  if (count == 0 || uint64_t{count} * std::max<size_t>(element_bytes, 1) > kMaxBatchBytes) {
    throw Napi::RangeError::New(value.Env(), what + ": out of range: " + std::to_string(count));
  }
  return count;
}

bpf_map_batch_opts BatchOptions(uint32_t element_flags) {
  bpf_map_batch_opts opts{};
  opts.sz = sizeof(opts);
  opts.elem_flags = element_flags;
  return opts;
}

/** Memory that is neither zeroed before the kernel writes to it nor copied when JavaScript gets it.
 */
class Block {
 public:
  static constexpr size_t kCopiedBytes = 1 << 20;

  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { std::free(data_); }

  uint8_t* Data() const { return data_; }

  /** Keeps what fits. False: there is no memory, and the block is as it was. */
  bool Resize(size_t size) {
    void* moved = std::realloc(data_, std::max<size_t>(size, 1));
    if (moved == nullptr) return false;
    data_ = static_cast<uint8_t*>(moved);
    size_ = size;
    return true;
  }

  /**
   * Gives the memory away, unless it is a part of many: what is given away comes back by the event
   * loop, which does not turn while a table is read.
   */
  Napi::Buffer<uint8_t> ToBuffer(Napi::Env env) {
    if (size_ <= kCopiedBytes) return Napi::Buffer<uint8_t>::Copy(env, data_, size_);
    auto buffer = Napi::Buffer<uint8_t>::New(env, data_, size_,
                                             [](Napi::Env, uint8_t* data) { std::free(data); });
    data_ = nullptr;
    size_ = 0;
    return buffer;
  }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace

struct Map::Batch {
  Fd fd;
  std::string name;
  size_t key_bytes;
  size_t value_bytes;
  uint32_t count;
  bool from_start;
  std::vector<uint8_t> in;
  std::vector<uint8_t> out;
  Block keys;
  Block values;
  bool last = false;
  std::optional<Failure> failure;

  void Run();
  /** Once: what was read becomes JavaScript's. */
  Napi::Value Result(Napi::Env env);
};

void Map::Batch::Run() {
  uint32_t room = count;
  for (;;) {
    uint32_t read = room;
    if (!keys.Resize(room * key_bytes) || !values.Resize(room * value_bytes)) {
      failure = Failure{ENOMEM, "realloc", "map", name};
      return;
    }
    bpf_map_batch_opts opts = BatchOptions(0);
    int result = bpf_map_lookup_batch(fd.Get(), from_start ? nullptr : in.data(), out.data(),
                                      keys.Data(), values.Data(), &read, &opts);
    // A hash table is read by whole buckets, and one of them has more elements than there is room.
    bool bucket_too_large =
        result == -ENOSPC && uint64_t{room} * 2 * (key_bytes + value_bytes) <= kMaxBatchBytes;
    if (bucket_too_large) {
      room *= 2;
      continue;
    }
    if (result < 0 && result != -ENOENT) {
      failure = Failure{-result, "bpf_map_lookup_batch", "map", name};
      return;
    }
    last = result == -ENOENT;
    count = read;
    keys.Resize(count * key_bytes);
    values.Resize(count * value_bytes);
    return;
  }
}

Napi::Value Map::Batch::Result(Napi::Env env) {
  if (failure) Throw(env, *failure);
  Napi::Object result = Napi::Object::New(env);
  result.Set("keys", keys.ToBuffer(env));
  result.Set("values", values.ToBuffer(env));
  result.Set("count", count);
  result.Set("cursor", last ? env.Undefined() : Napi::Value(ToBuffer(env, out)));
  return result;
}

Napi::Function Map::Define(Napi::Env env) {
  return DefineClass(env, "Map",
                     {
                         InstanceAccessor<&Map::GetFd>("fd"),
                         InstanceAccessor<&Map::GetValueBytes>("valueBytes"),
                         InstanceMethod<&Map::Info>("info"),
                         InstanceMethod<&Map::Lookup>("lookup"),
                         InstanceMethod<&Map::Update>("update"),
                         InstanceMethod<&Map::Delete>("delete"),
                         InstanceMethod<&Map::NextKey>("nextKey"),
                         InstanceMethod<&Map::LookupBatch>("lookupBatch"),
                         InstanceMethod<&Map::LookupBatchAsync>("lookupBatchAsync"),
                         InstanceMethod<&Map::UpdateBatch>("updateBatch"),
                         InstanceMethod<&Map::DeleteBatch>("deleteBatch"),
                         InstanceMethod<&Map::Freeze>("freeze"),
                         InstanceMethod<&Map::Pin>("pin"),
                         InstanceMethod<&Map::Close>("close"),
                     });
}

Map::Map(const Napi::CallbackInfo& info) : Handle(info), fd_(TakeInit(info.Env())) {
  uint32_t size = sizeof(info_);
  if (bpf_obj_get_info_by_fd(fd_.Get(), &info_, &size) < 0) {
    Throw(info.Env(), {errno, "bpf_obj_get_info_by_fd", "map", "fd " + std::to_string(fd_.Get())});
  }
  name_ = info_.name[0] ? info_.name : "id " + std::to_string(info_.id);
  value_bytes_ = ValueBytes(info_);
}

Napi::Value Map::New(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object options = AsObject(info[0], "createMap: options");
  std::string name = AsString(options.Get("name"), "createMap: name");
  uint32_t type = AsU32(options.Get("type"), "createMap: type");
  uint32_t key_size = AsU32(options.Get("keySize"), "createMap: keySize");
  uint32_t value_size = AsU32(options.Get("valueSize"), "createMap: valueSize");
  uint32_t max_entries = AsU32(options.Get("maxEntries"), "createMap: maxEntries");
  bpf_map_create_opts opts{};
  opts.sz = sizeof(opts);
  opts.map_flags = AsU32Or(options.Get("flags"), "createMap: flags", 0);
  Napi::Value inner = options.Get("innerMap");
  if (!IsAbsent(inner)) {
    opts.inner_map_fd = Map::From(inner, "createMap: innerMap")->Use(env, "bpf_map_create");
  }
  Fd fd(bpf_map_create(static_cast<bpf_map_type>(type), name.c_str(), key_size, value_size,
                       max_entries, &opts));
  if (!fd.IsOpen()) Throw(env, {errno, "bpf_map_create", "map", name});
  return Create(env, std::move(fd));
}

Napi::Value Map::Open(const Napi::CallbackInfo& info) {
  return Create(info.Env(), OpenPinned(info.Env(), AsString(info[0], "path"), "map"));
}

Napi::Value Map::ById(const Napi::CallbackInfo& info) {
  uint32_t id = AsU32(info[0], "map id");
  Fd fd(bpf_map_get_fd_by_id(id));
  if (!fd.IsOpen()) {
    Throw(info.Env(), {errno, "bpf_map_get_fd_by_id", "map", "id " + std::to_string(id)});
  }
  return Create(info.Env(), std::move(fd));
}

int Map::Use(Napi::Env env, const char* syscall) const {
  return RequireOpen(env, fd_, {0, syscall, "map", name_});
}

void Map::Fail(Napi::Env env, const char* syscall) const {
  Throw(env, {errno, syscall, "map", name_});
}

Napi::Value Map::GetFd(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), Use(info.Env(), "fd"));
}

Napi::Value Map::GetValueBytes(const Napi::CallbackInfo& info) {
  Use(info.Env(), "valueBytes");
  return Napi::Number::New(info.Env(), static_cast<double>(value_bytes_));
}

Napi::Value Map::Info(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Use(env, "bpf_obj_get_info_by_fd");
  Napi::Object result = Napi::Object::New(env);
  result.Set("id", info_.id);
  result.Set("type", info_.type);
  result.Set("name", std::string(info_.name));
  result.Set("keySize", info_.key_size);
  result.Set("valueSize", info_.value_size);
  result.Set("maxEntries", info_.max_entries);
  result.Set("flags", info_.map_flags);
  result.Set("btfId", info_.btf_id);
  result.Set("btfKeyTypeId", info_.btf_key_type_id);
  result.Set("btfValueTypeId", info_.btf_value_type_id);
  return result;
}

Napi::Value Map::Lookup(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Use(env, "bpf_map_lookup_elem");
  Bytes key = AsBytes(info[0], What("key"), info_.key_size);
  auto value = Napi::Buffer<uint8_t>::New(env, value_bytes_);
  if (bpf_map_lookup_elem(fd, key.data, value.Data()) == 0) return value;
  if (errno != ENOENT) Fail(env, "bpf_map_lookup_elem");
  return env.Undefined();
}

Napi::Value Map::Update(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Use(env, "bpf_map_update_elem");
  uint32_t flags = AsU32(info[2], What("flags"));
  Bytes key = AsBytes(info[0], What("key"), info_.key_size);
  Bytes value = AsBytes(info[1], What("value"), value_bytes_);
  if (bpf_map_update_elem(fd, key.data, value.data, flags) < 0) Fail(env, "bpf_map_update_elem");
  return env.Undefined();
}

Napi::Value Map::Delete(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Use(env, "bpf_map_delete_elem");
  Bytes key = AsBytes(info[0], What("key"), info_.key_size);
  bool deleted = bpf_map_delete_elem(fd, key.data) == 0;
  if (!deleted && errno != ENOENT) Fail(env, "bpf_map_delete_elem");
  return Napi::Boolean::New(env, deleted);
}

Napi::Value Map::NextKey(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Use(env, "bpf_map_get_next_key");
  const uint8_t* key =
      IsAbsent(info[0]) ? nullptr : AsBytes(info[0], What("key"), info_.key_size).data;
  auto next = Napi::Buffer<uint8_t>::New(env, info_.key_size);
  if (bpf_map_get_next_key(fd, key, next.Data()) == 0) return next;
  if (errno != ENOENT) Fail(env, "bpf_map_get_next_key");
  return env.Undefined();
}

std::shared_ptr<Map::Batch> Map::PrepareBatch(const Napi::CallbackInfo& info,
                                              const char* syscall) const {
  Use(info.Env(), syscall);
  auto batch = std::make_shared<Batch>();
  batch->name = name_;
  batch->key_bytes = info_.key_size;
  batch->value_bytes = value_bytes_;
  batch->count = AsCount(info[1], What("count"), batch->key_bytes + batch->value_bytes);
  // The kernel keeps a key there, or (hash tables, arrays) a 32-bit position.
  batch->out.resize(std::max<size_t>(info_.key_size, sizeof(uint32_t)));
  batch->from_start = IsAbsent(info[0]);
  if (!batch->from_start) {
    Bytes cursor = AsBytes(info[0], What("cursor"), batch->out.size());
    batch->in.assign(cursor.data, cursor.data + cursor.size);
  }
  // Its own descriptor: the handle may be closed while a worker reads.
  batch->fd = fd_.Duplicate();
  if (!batch->fd.IsOpen()) Fail(info.Env(), "fcntl");
  return batch;
}

Napi::Value Map::LookupBatch(const Napi::CallbackInfo& info) {
  std::shared_ptr<Batch> batch = PrepareBatch(info, "bpf_map_lookup_batch");
  batch->Run();
  return batch->Result(info.Env());
}

Napi::Value Map::LookupBatchAsync(const Napi::CallbackInfo& info) {
  std::shared_ptr<Batch> batch = PrepareBatch(info, "bpf_map_lookup_batch");
  return Task::Run(
      info.Env(), [batch] { batch->Run(); }, [batch](Napi::Env env) { return batch->Result(env); });
}

Napi::Value Map::FinishWrite(Napi::Env env, const char* syscall, int result, uint32_t done,
                             uint32_t count) const {
  if (result == 0) return Napi::Number::New(env, done);
  // bpf.h of libbpf: after an error an unchanged count says nothing.
  if (done == count || result == -EFAULT) done = 0;
  Napi::Error error = ToError(env, {-result, syscall, "map", name_});
  error.Set("done", Napi::Number::New(env, done));
  throw error;
}

Napi::Value Map::UpdateBatch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Use(env, "bpf_map_update_batch");
  uint32_t count = AsCount(info[2], What("count"), info_.key_size + value_bytes_);
  bpf_map_batch_opts opts = BatchOptions(AsU32(info[3], What("flags")));
  Bytes keys = AsBytes(info[0], What("keys"), size_t{count} * info_.key_size);
  Bytes values = AsBytes(info[1], What("values"), size_t{count} * value_bytes_);
  uint32_t done = count;
  int result = bpf_map_update_batch(fd, keys.data, values.data, &done, &opts);
  return FinishWrite(env, "bpf_map_update_batch", result, done, count);
}

Napi::Value Map::DeleteBatch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Use(env, "bpf_map_delete_batch");
  uint32_t count = AsCount(info[1], What("count"), info_.key_size);
  Bytes keys = AsBytes(info[0], What("keys"), size_t{count} * info_.key_size);
  bpf_map_batch_opts opts = BatchOptions(0);
  uint32_t done = count;
  int result = bpf_map_delete_batch(fd, keys.data, &done, &opts);
  return FinishWrite(env, "bpf_map_delete_batch", result, done, count);
}

Napi::Value Map::Freeze(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (bpf_map_freeze(Use(env, "bpf_map_freeze")) < 0) Fail(env, "bpf_map_freeze");
  return env.Undefined();
}

Napi::Value Map::Pin(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  int fd = Use(env, "bpf_obj_pin");
  std::string path = AsString(info[0], What("path"));
  if (bpf_obj_pin(fd, path.c_str()) < 0) Throw(env, {errno, "bpf_obj_pin", "path", path});
  return env.Undefined();
}

Napi::Value Map::Close(const Napi::CallbackInfo& info) {
  fd_.Close();
  return info.Env().Undefined();
}

}  // namespace veer
