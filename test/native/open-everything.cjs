// Run as a worker thread or a process by lifecycle.test.ts: opens one of everything and leaves it open.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')
const { parentPort } = require('node:worker_threads')

const root = join(__dirname, '..', '..')
const native = require(join(root, 'build', 'Release', 'veer.node'))
const object = native.openObject(readFileSync(join(root, 'build', 'bpf', 'test', 'addon_xdp.o')), 'addon_xdp')

/** What to do with everything open: `stay`, `exit`, or `load` (leave while an object loads). */
const ending = process.env.ENDING

async function open() {
  native.setLogger(() => undefined)
  await object.load()
  const handles = [object.map('runs'), object.program('xdp_answer')]
  handles.push(native.createMap({ type: 1, name: 'open', keySize: 4, valueSize: 4, maxEntries: 1 }))
  handles.push(native.openRingBuffer(object.map('records'), () => undefined))
  handles.push(native.openPacketSocket(native.interfaceIndex('lo'), 0x88b5, () => undefined))
  handles.push(native.createXdpLink(handles[1], native.interfaceIndex('lo'), 2))
  if (ending === 'load') {
    const again = native.openObject(readFileSync(join(root, 'build', 'bpf', 'test', 'addon_xdp.o')), 'addon_xdp')
    void again.load({ logLevel: 2 })
    process.exit(0)
  }
  if (ending === 'exit') process.exit(0)
  parentPort.postMessage(handles.length)
}

void open()
