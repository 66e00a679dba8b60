{
  'targets': [{
    'target_name': 'veer',
    'sources': [
      'native/addon.cc',
      'native/args.cc',
      'native/clsact.cc',
      'native/error.cc',
      'native/file_lock.cc',
      'native/interface.cc',
      'native/link.cc',
      'native/logger.cc',
      'native/map.cc',
      'native/netns.cc',
      'native/object.cc',
      'native/packet_socket.cc',
      'native/poll.cc',
      'native/program.cc',
      'native/ringbuf.cc',
    ],
    'defines': [
      'NAPI_VERSION=8',
      'NAPI_CPP_EXCEPTIONS',
      'NODE_ADDON_API_DISABLE_DEPRECATED',
      # A worker that is being terminated takes no exception, and must not abort for it.
      'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      '_GNU_SOURCE',
    ],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++14', '-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': [
      '-std=c++17',
      '-fexceptions',
      '-fvisibility=hidden',
      '-Wall',
      '-Wextra',
      '-Werror',
      # As system headers: their warnings are not ours to mend.
      '-isystem',
      '<(module_root_dir)/<!(node -p "require(\'node-addon-api\').include_dir")',
      '<!@(pkg-config --cflags libbpf)',
    ],
    'libraries': ['<!@(pkg-config --libs libbpf)'],
  }],
}
