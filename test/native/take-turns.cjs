// Run as a worker thread by host.test.ts: takes a lock file many times, and removes it each time before giving it back.
const { rmSync } = require('node:fs')
const { join } = require('node:path')
const { parentPort, workerData } = require('node:worker_threads')

const native = require(join(__dirname, '..', '..', 'build', 'Release', 'veer.node'))
const { path, turns, shared } = workerData
const holders = new Int32Array(shared)

function lock() {
  for (;;) {
    try {
      return native.lockFile(path)
    } catch (error) {
      if (error.code !== 'EWOULDBLOCK') throw error
    }
  }
}

let crowded = 0
for (let turn = 0; turn < turns; turn++) {
  const held = lock()
  if (Atomics.add(holders, 0, 1) !== 0) crowded++
  Atomics.sub(holders, 0, 1)
  rmSync(path)
  held.close()
}
parentPort.postMessage(crowded)
