// SPDX-License-Identifier: Apache-2.0
#include "poll.h"

#include <node_api.h>

#include "error.h"

namespace veer {

/** Lives until libuv has let go of the handle, which is after Poll. */
struct Poll::Watch {
  uv_poll_t handle{};
  napi_env env;
  napi_async_cleanup_hook_handle hook = nullptr;
  Callback callback;
  /** Null once closing. */
  Poll* owner;

  void Start();
  void Close();
};

void Poll::Watch::Start() {
  uv_poll_start(&handle, UV_READABLE, [](uv_poll_t* poll, int status, int) {
    auto* watch = static_cast<Watch*>(poll->data);
    Napi::HandleScope scope(watch->env);
    watch->callback();
    // libuv stops watching at an error (a link that went down); reading has cleared it.
    if (status < 0 && watch->owner) watch->Start();
  });
}

void Poll::Watch::Close() {
  if (!owner) return;
  owner->watch_ = nullptr;
  owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* closed) {
    auto* watch = static_cast<Watch*>(closed->data);
    napi_remove_async_cleanup_hook(watch->hook);
    delete watch;
  });
}

Poll::Poll(Napi::Env env, int fd, const char* name, Callback callback) {
  uv_loop_t* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  auto watch = std::make_unique<Watch>();
  watch->env = env;
  watch->callback = std::move(callback);
  watch->owner = this;
  int result = uv_poll_init(loop, &watch->handle, fd);
  if (result < 0) Throw(env, {-result, "uv_poll_init", "descriptor of", name});
  watch_ = watch.release();
  watch_->handle.data = watch_;
  // An environment that ends waits for the hook's removal, that is for the handle to be closed.
  napi_add_async_cleanup_hook(
      env, [](napi_async_cleanup_hook_handle, void* data) { static_cast<Watch*>(data)->Close(); },
      watch_, &watch_->hook);
  watch_->Start();
}

Poll::~Poll() {
  if (watch_) watch_->Close();
}

void CallListener(const Napi::FunctionReference& listener, Napi::Value argument) {
  Napi::Env env = listener.Env();
  try {
    listener.MakeCallback(env.Global(), {argument});
  } catch (const Napi::Error& error) {
    napi_fatal_exception(env, error.Value());
  }
}

}  // namespace veer
