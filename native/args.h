// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "fd.h"

namespace veer {

/** The bytes behind a Uint8Array; valid until JavaScript runs again. */
struct Bytes {
  const uint8_t* data;
  size_t size;
};

/** The readers throw TypeError naming `what` when the value is not of their kind. */
Bytes AsBytes(const Napi::Value& value, const std::string& what);
/** Also throws when the length is not `expected`. */
Bytes AsBytes(const Napi::Value& value, const std::string& what, size_t expected);
std::string AsString(const Napi::Value& value, const std::string& what);
/** An integer of 0 to 2^32-1, since conversion would silently wrap. */
uint32_t AsU32(const Napi::Value& value, const std::string& what);
uint32_t AsU32Or(const Napi::Value& value, const std::string& what, uint32_t fallback);
bool AsBool(const Napi::Value& value, const std::string& what);
Napi::Function AsFunction(const Napi::Value& value, const std::string& what);
Napi::Object AsObject(const Napi::Value& value, const std::string& what);
bool IsAbsent(const Napi::Value& value);

Napi::Buffer<uint8_t> ToBuffer(Napi::Env env, const std::vector<uint8_t>& bytes);

/** bpf_obj_get, and EINVAL unless the pin is of `kind` ("map", "prog", "link"). */
Fd OpenPinned(Napi::Env env, const std::string& path, const std::string& kind);

}  // namespace veer
