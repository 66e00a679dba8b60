// SPDX-License-Identifier: Apache-2.0
#include "logger.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <set>
#include <string>

#include "args.h"
#include "handle.h"

namespace veer {

namespace {

std::mutex listeners_mutex;
std::set<Logger*> listeners;

int Print(libbpf_print_level level, const char* format, va_list args) {
  std::lock_guard<std::mutex> lock(listeners_mutex);
  if (listeners.empty()) return 0;
  char* text = nullptr;
  int length = vasprintf(&text, format, args);
  if (length < 0) return length;
  std::string message(text, static_cast<size_t>(length));
  std::free(text);
  if (!message.empty() && message.back() == '\n') message.pop_back();
  for (const Logger* listener : listeners) listener->Send(level, message);
  return length;
}

}  // namespace

void Logger::Install() {
  static std::once_flag once;
  std::call_once(once, [] { libbpf_set_print(Print); });
}

Logger::Logger(Napi::Env env, Napi::Function listener)
    : env_(env), queue_(Napi::ThreadSafeFunction::New(env, listener, "veer:log", 0, 1)) {
  queue_.Unref(env);
  // After the queue's own hook, hence run before it: nobody sends to a queue that is gone.
  napi_add_env_cleanup_hook(env_, OnCleanup, this);
  std::lock_guard<std::mutex> lock(listeners_mutex);
  listeners.insert(this);
}

Logger::~Logger() {
  if (left_) return;
  napi_remove_env_cleanup_hook(env_, OnCleanup, this);
  Leave();
}

void Logger::OnCleanup(void* self) {
  static_cast<Logger*>(self)->Leave();
}

void Logger::Leave() {
  {
    std::lock_guard<std::mutex> lock(listeners_mutex);
    listeners.erase(this);
  }
  left_ = true;
  queue_.Release();
}

void Logger::Send(int level, const std::string& message) const {
  queue_.NonBlockingCall([level, message](Napi::Env env, Napi::Function listener) {
    listener.Call({Napi::Number::New(env, level), Napi::String::New(env, message)});
  });
}

Napi::Value SetLogger(const Napi::CallbackInfo& info) {
  AddonData& data = AddonData::Of(info.Env());
  data.logger.reset();
  if (!IsAbsent(info[0])) {
    data.logger = std::make_unique<Logger>(info.Env(), AsFunction(info[0], "setLogger: logger"));
  }
  return info.Env().Undefined();
}

}  // namespace veer
