// SPDX-License-Identifier: Apache-2.0
#include "args.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cmath>

#include "error.h"

namespace veer {

Bytes AsBytes(const Napi::Value& value, const std::string& what) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(value.Env(), what + ": expected a Uint8Array");
  }
  auto array = value.As<Napi::Uint8Array>();
  return {array.Data(), array.ByteLength()};
}

Bytes AsBytes(const Napi::Value& value, const std::string& what, size_t expected) {
  Bytes bytes = AsBytes(value, what);
  if (bytes.size != expected) {
    throw Napi::TypeError::New(value.Env(), what + ": expected " + std::to_string(expected) +
                                                " bytes, got " + std::to_string(bytes.size));
  }
  return bytes;
}

std::string AsString(const Napi::Value& value, const std::string& what) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), what + ": expected a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) {
    throw Napi::TypeError::New(value.Env(), what + ": contains a NUL character");
  }
  return text;
}

uint32_t AsU32(const Napi::Value& value, const std::string& what) {
  if (value.IsNumber()) {
    double number = value.As<Napi::Number>().DoubleValue();
    if (number >= 0 && number <= UINT32_MAX && std::trunc(number) == number) {
      return static_cast<uint32_t>(number);
    }
  }
  throw Napi::TypeError::New(value.Env(), what + ": expected an integer from 0 to 4294967295");
}

uint32_t AsU32Or(const Napi::Value& value, const std::string& what, uint32_t fallback) {
  return IsAbsent(value) ? fallback : AsU32(value, what);
}

bool AsBool(const Napi::Value& value, const std::string& what) {
  if (!value.IsBoolean()) throw Napi::TypeError::New(value.Env(), what + ": expected a boolean");
  return value.As<Napi::Boolean>().Value();
}

Napi::Function AsFunction(const Napi::Value& value, const std::string& what) {
  if (!value.IsFunction()) throw Napi::TypeError::New(value.Env(), what + ": expected a function");
  return value.As<Napi::Function>();
}

Napi::Object AsObject(const Napi::Value& value, const std::string& what) {
  if (!value.IsObject()) throw Napi::TypeError::New(value.Env(), what + ": expected an object");
  return value.As<Napi::Object>();
}

bool IsAbsent(const Napi::Value& value) {
  return value.IsUndefined() || value.IsNull();
}

Napi::Buffer<uint8_t> ToBuffer(Napi::Env env, const std::vector<uint8_t>& bytes) {
  return Napi::Buffer<uint8_t>::Copy(env, bytes.data(), bytes.size());
}

Fd OpenPinned(Napi::Env env, const std::string& path, const std::string& kind) {
  Fd fd(bpf_obj_get(path.c_str()));
  if (!fd.IsOpen()) Throw(env, {errno, "bpf_obj_get", "path", path});
  // The info call of one kind of object answers for another, with that one's fields: ask first.
  char target[64] = {};
  std::string self = "/proc/self/fd/" + std::to_string(fd.Get());
  if (readlink(self.c_str(), target, sizeof(target) - 1) < 0) {
    Throw(env, {errno, "readlink", "path", self});
  }
  // "anon_inode:bpf-map", "anon_inode:bpf-prog", "anon_inode:bpf_link"
  std::string actual(target);
  size_t suffix = actual.size() - std::min(actual.size(), kind.size());
  if (actual.substr(suffix) != kind) {
    Throw(env, {EINVAL, "bpf_obj_get", "path", path + " (" + actual + ", not a " + kind + ")"});
  }
  return fd;
}

}  // namespace veer
