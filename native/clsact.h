// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <napi.h>

namespace veer {

/** The addon's functions of the same names, all in the thread's network namespace. */
Napi::Value AttachClsact(const Napi::CallbackInfo& info);
Napi::Value DetachClsact(const Napi::CallbackInfo& info);
Napi::Value QueryClsact(const Napi::CallbackInfo& info);
Napi::Value RemoveClsact(const Napi::CallbackInfo& info);

}  // namespace veer
